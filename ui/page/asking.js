// The box: asks when typing pauses or a picture came in, and knows what the answer should be more or less like.
import { hasItemStep, isLeavingItem, leaveItem, remember, searchOf, watchSteps } from "./address.js";
import { button, make, read, thumbnail } from "./dom.js";
import { pictures, putIn } from "./pictures.js";

const PAUSE_MILLISECONDS = 400;
const SETTLE_MILLISECONDS = 60; // Gradio takes in what was written into a field a moment later
const STANDS_MILLISECONDS = 2000; // a search that stands so long while nobody types is a step to go back to

const box = () => document.querySelector("#vidi-query textarea");
const likesField = () => document.querySelector("#vidi-likes textarea, #vidi-likes input");
const likesShown = () => document.querySelector("#vidi-liked");

let liked = []; // {asset, name or null, seconds or null, sign: "" or "-"}
let unfolded = false; // near-identical pictures are shown each for itself
let asked = null;
let pause = 0; // the timer of a search that is about to be asked
let picturesShown = "[]";
let isSettled = true; // the search that is shown is a step to go back to; else one on the way of typing
let standing = 0;
let awaited = null; // of an earlier step that is gone to: so many pictures are on their way into the box
let isWriting = false; // into a field, in place of a person

export const queryText = () => box()?.value.trim() ?? "";

export const searchNow = () => ({ words: queryText(), liked, unfolded });
const likeText = ({ sign, asset, seconds }) => `${sign}${asset}${seconds === null ? "" : `@${seconds.toFixed(3)}`}`;
const likesText = () => [...liked.map(likeText), ...(unfolded ? ["all"] : [])].join(" ");
const state = () => JSON.stringify([pictures(), likesText(), queryText()]);

const waitNoMore = () => {
  clearTimeout(pause);
  pause = 0;
};

export const isAboutToAsk = () => pause !== 0;

const ask = (isTyped) => {
  waitNoMore();
  if (isLeavingItem()) return askIn(SETTLE_MILLISECONDS, isTyped);
  if (awaited !== null && pictures().length < awaited) return;
  if (state() !== asked) {
    taken(isTyped);
    document.querySelector("#vidi-query .submit-button")?.click();
    return;
  }
  awaited = null;
  if (hasItemStep() && !document.querySelector("dialog[open]")) leaveItem(); // what led here changes nothing
};

// What stands in the box now is what was asked.
const taken = (isTyped) => {
  asked = state();
  remember(searchNow(), pictures(), awaited === null && (isSettled || !isTyped));
  awaited = null;
  clearTimeout(standing);
  isSettled = !isTyped;
  standing = setTimeout(settle, STANDS_MILLISECONDS);
};

const settle = () => {
  isSettled = true;
};

const askIn = (milliseconds, isTyped = false) => {
  waitNoMore();
  pause = setTimeout(() => ask(isTyped), milliseconds);
};

const write = (field, text) => {
  if (!field) return;
  field.value = text;
  isWriting = true;
  field.dispatchEvent(new Event("input", { bubbles: true }));
  isWriting = false;
};

// -- from elsewhere on the page ----------------------------------------------------------------------------------

export const setQuery = (text) => {
  write(box(), text);
  askIn(SETTLE_MILLISECONDS);
};

// A whole search by its address, without pictures.
export const setSearch = (address) => show(searchOf(address), []);

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
  write(likesField(), likesText());
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

const likeChip = (one) => {
  const words = one.sign ? "less like" : "more like";
  const picture = make("img", { alt: "", src: thumbnail(one.asset, one.seconds, 160) });
  return chip(`${words} ${one.name ?? `number ${one.asset}`}`, [words, picture], () => {
    liked = liked.filter((other) => other !== one);
    likesChanged();
  });
};

const showLikes = () => {
  const chips = liked.map(likeChip);
  if (unfolded) chips.push(chip("near-identical pictures", ["with near-identical pictures"], () => unfold(false)));
  likesShown()?.replaceChildren(...chips);
};

// An address names what is liked by its number alone.
const tellNames = async (nameless) => {
  for (const one of nameless) {
    try {
      one.name = (await read(`/page/items/${one.asset}`)).name;
    } catch {
      one.name = null; // it is gone, and the answer says so
    }
  }
  if (nameless.length) showLikes();
};

// -- what the address says ---------------------------------------------------------------------------------------

const show = async (wanted, addresses) => {
  ({ liked, unfolded } = wanted);
  write(box(), wanted.words);
  likesChanged();
  tellNames(liked.filter((one) => one.name === null));
  return putIn(addresses);
};

const goTo = async (wanted, addresses) => {
  awaited = Infinity;
  awaited = await show(wanted, addresses);
  askIn(SETTLE_MILLISECONDS);
};

// -- what happens in the box -------------------------------------------------------------------------------------

const boxIsThere = () => {
  box().setAttribute("aria-label", "What to find");
  if (queryText()) return askIn(PAUSE_MILLISECONDS, true); // typed before this script had come
  const wanted = searchOf(location);
  const addresses = history.state?.pictures ?? []; // of before a reload
  if (wanted.words || wanted.liked.length || addresses.length) goTo(wanted, addresses);
};

export const watchBox = () => {
  document.addEventListener("input", (event) => {
    if (event.target !== box() || isWriting) return;
    awaited = null; // whoever types goes on from here
    askIn(PAUSE_MILLISECONDS, true);
  });
  document.addEventListener("keydown", (event) => {
    if (event.target !== box() || event.key !== "Enter" || event.shiftKey) return;
    waitNoMore(); // Gradio asks by itself
    if (isLeavingItem()) askIn(SETTLE_MILLISECONDS);
    else if (state() !== asked) taken(false);
    settle();
  });
  document.addEventListener("focusout", (event) => event.target === box() && settle());
  watchSteps(goTo);
  let isRead = false;
  // Gradio tells no event of its own when the box is there, nor when a picture was uploaded or taken out.
  const look = () => {
    if (!isRead && box() && likesField() && likesShown()) {
      isRead = true;
      boxIsThere();
    }
    const shown = JSON.stringify(pictures());
    if (shown === picturesShown) return;
    picturesShown = shown;
    askIn(SETTLE_MILLISECONDS);
  };
  new MutationObserver(look).observe(document, { childList: true, subtree: true });
  look(); // all of it may be there by now
};
