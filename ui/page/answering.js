// Whether the page's searches are answered. Gradio tells no event of its own when one is not: it is seen where it asks.
import { signIn } from "./dom.js";

const GRADIO = "/gradio_api/";
const SEARCH = "/gradio_api/queue/join";
const UNANSWERED = "vidi-unanswered"; // what is shown is of before: see gallery.css

const mark = (isAnswered) => document.body.classList.toggle(UNANSWERED, !isAnswered);

export const watchAnswers = () => {
  const plain = window.fetch;
  window.fetch = async (...asked) => {
    const address = String(asked[0]?.url ?? asked[0]);
    try {
      const response = await plain(...asked);
      if (response.status === 401 && address.includes(GRADIO)) signIn();
      if (address.includes(SEARCH)) mark(response.ok);
      return response;
    } catch (error) {
      if (address.includes(SEARCH)) mark(false);
      throw error;
    }
  };
};
