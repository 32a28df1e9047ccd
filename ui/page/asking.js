// The box: asks when typing pauses or a picture came in, and knows what the answer should be more or less like.
import { button, make, thumbnail } from "./dom.js";

const PAUSE_MILLISECONDS = 400;
const SETTLE_MILLISECONDS = 60; // Gradio takes in what was written into a field a moment later

const box = () => document.querySelector("#vidi-query textarea");
const pictures = () => [...document.querySelectorAll("#vidi-query img")].map((image) => image.src).join(" ");

let liked = []; // {asset, name, seconds or null, sign: "" or "-"}
let unfolded = false; // near-identical pictures are shown each for itself
let asked = null;
let pause = 0;
let picturesShown = "";

export const queryText = () => box()?.value.trim() ?? "";

const likeText = ({ sign, asset, seconds }) => `${sign}${asset}${seconds === null ? "" : `@${seconds.toFixed(3)}`}`;
const likesText = () => [...liked.map(likeText), ...(unfolded ? ["all"] : [])].join(" ");
const state = () => JSON.stringify([pictures(), likesText(), queryText()]);

const ask = () => {
  clearTimeout(pause);
  if (state() === asked) return;
  asked = state();
  rememberQuery();
  document.querySelector("#vidi-query .submit-button")?.click();
};

const askIn = (milliseconds) => {
  clearTimeout(pause);
  pause = setTimeout(ask, milliseconds);
};

const write = (field, text) => {
  if (!field) return;
  field.value = text;
  field.dispatchEvent(new Event("input", { bubbles: true }));
};

// -- from elsewhere on the page ----------------------------------------------------------------------------------

export const setQuery = (text) => {
  write(box(), text);
  askIn(SETTLE_MILLISECONDS);
};

export const focusBox = () => {
  box()?.focus();
  box()?.select();
};

export const like = (asset, name, seconds, sign) => {
  liked = [...liked.filter((other) => other.asset !== asset), { asset, name, seconds, sign }];
  likesChanged();
};

export const unfold = (whether) => {
  unfolded = whether;
  likesChanged();
};

const likesChanged = () => {
  write(document.querySelector("#vidi-likes textarea, #vidi-likes input"), likesText());
  showLikes();
  askIn(SETTLE_MILLISECONDS);
};

// What counts beside the line, each to be left out again by a click.
const chip = (told, shown, leaveOut) => {
  const one = button("", { className: "vidi-like", title: `Leave out: ${told}`, onclick: leaveOut });
  one.setAttribute("aria-label", `Leave out: ${told}`);
  one.append(...shown, "×");
  return one;
};

const showLikes = () => {
  const chips = liked.map((one) => {
    const words = one.sign ? "less like" : "more like";
    const picture = make("img", { alt: "", src: thumbnail(one.asset, one.seconds, 160) });
    return chip(`${words} ${one.name}`, [words, picture], () => {
      liked = liked.filter((other) => other !== one);
      likesChanged();
    });
  });
  if (unfolded) chips.push(chip("near-identical pictures", ["with near-identical pictures"], () => unfold(false)));
  document.querySelector("#vidi-liked")?.replaceChildren(...chips);
};

// -- what the address says ---------------------------------------------------------------------------------------

const rememberQuery = () => {
  const address = new URL(location);
  address.searchParams.delete("q");
  if (queryText()) address.searchParams.set("q", queryText());
  if (address.href !== location.href) history.replaceState(history.state, "", address);
};

const fromAddress = () => {
  const words = new URL(location).searchParams.get("q");
  if (words && !queryText()) setQuery(words);
};

// -- what happens in the box -------------------------------------------------------------------------------------

export const watchBox = () => {
  document.addEventListener("input", (event) => {
    if (event.target === box()) askIn(PAUSE_MILLISECONDS);
  });
  document.addEventListener("keydown", (event) => {
    if (event.target !== box() || event.key !== "Enter" || event.shiftKey) return;
    clearTimeout(pause); // Gradio asks by itself
    asked = state();
    rememberQuery();
  });
  let isRead = false;
  // Gradio tells no event of its own when the box is there, nor when a picture was uploaded or taken out.
  new MutationObserver(() => {
    if (!isRead && box()) {
      isRead = true;
      box().setAttribute("aria-label", "What to find");
      fromAddress();
    }
    const shown = pictures();
    if (shown === picturesShown) return;
    picturesShown = shown;
    askIn(SETTLE_MILLISECONDS);
  }).observe(document, { childList: true, subtree: true });
};
