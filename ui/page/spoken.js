// What an answer says, told to a screen reader: the line above the results, and what stands in their place if there are
// none. Gradio draws both anew with each answer, and what is new is not listened to: see ui/page/markup.py.

const SETTLE_MILLISECONDS = 150; // the parts of an answer come one after the other
const SAID = "#vidi-line p, #vidi-gallery .vidi-title, #vidi-gallery .vidi-title + p:not(.vidi-chips)";

const said = () => [...document.querySelectorAll(SAID)].map((line) => line.textContent).filter(Boolean).join(" ");

let pause = 0;

const tell = () => {
  const line = document.querySelector("#vidi-spoken [role=status]");
  if (line && line.textContent !== said()) line.textContent = said();
};

export const watchSpoken = () => {
  new MutationObserver(() => {
    clearTimeout(pause);
    pause = setTimeout(tell, SETTLE_MILLISECONDS);
  }).observe(document, { childList: true, subtree: true });
};
