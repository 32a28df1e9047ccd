// The gallery: pages are put below one another as they are scrolled to, arrow keys walk over the cards.
import { focusBox } from "./asking.js";
import { make } from "./dom.js";

const AHEAD = "800px"; // so far below the window the next page is asked for

export const cards = () => [...document.querySelectorAll("#vidi-gallery .vidi-card")];

const grid = () => document.querySelector("#vidi-gallery .vidi-grid");

const MORE_CAME = "vidi-more-came";

export const whenMoreCame = (listener) => document.addEventListener(MORE_CAME, listener);

// What follows comes into a field of its own; the same asset is never shown twice. What follows another answer than the
// one that is shown came too late.
const appendFollowing = () => {
  const failed = document.querySelector("#vidi-following .vidi-notice");
  if (failed && grid()) {
    grid().removeAttribute("data-goes-on");
    grid().append(make("li", { className: "vidi-broken-off" }, failed));
  }
  const came = document.querySelector("#vidi-following .vidi-grid");
  if (!came) return;
  came.remove();
  if (came.dataset.series === grid()?.dataset.series) append(came);
  watchMore();
};

const append = (came) => {
  const shown = new Set([...grid().children].map((entry) => entry.dataset.asset));
  grid().append(...[...came.children].filter((entry) => !shown.has(entry.dataset.asset)));
  grid().toggleAttribute("data-goes-on", came.hasAttribute("data-goes-on"));
  document.dispatchEvent(new Event(MORE_CAME));
};

export const askMore = () => {
  if (grid()?.hasAttribute("data-goes-on")) document.querySelector("#vidi-more")?.click();
};

const isNear = new IntersectionObserver(
  (seen) => {
    if (seen.some((entry) => entry.isIntersecting)) askMore();
  },
  { rootMargin: AHEAD },
);

const watchMore = () => {
  const more = document.querySelector("#vidi-more");
  isNear.disconnect(); // looking anew tells at once whether it is in sight
  if (more) isNear.observe(more);
};

// -- arrow keys --------------------------------------------------------------------------------------------------

const columns = (all) => {
  const first = all[0].getBoundingClientRect().top;
  const next = all.findIndex((card) => card.getBoundingClientRect().top > first + 1);
  return next < 0 ? all.length : next;
};

const walk = (event) => {
  const all = cards();
  const place = all.indexOf(event.target.closest?.(".vidi-card"));
  if (place < 0) return;
  const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns(all), ArrowDown: columns(all) };
  const step = steps[event.key];
  if (step === undefined) return;
  event.preventDefault();
  if (place + step < 0 && event.key === "ArrowUp") return focusBox();
  all[Math.max(0, Math.min(all.length - 1, place + step))].focus();
};

export const watchGallery = () => {
  document.addEventListener("keydown", walk);
  document.addEventListener("keydown", (event) => {
    const box = event.target.closest?.("#vidi-query textarea");
    if (!box || event.key !== "ArrowDown" || box.selectionEnd < box.value.length || !cards().length) return;
    event.preventDefault();
    cards()[0].focus();
  });
  document.addEventListener(
    "error",
    (event) => {
      if (event.target.matches?.(".vidi-frame img")) event.target.parentElement.classList.add("vidi-gone");
    },
    true,
  );
  new MutationObserver((changes) => {
    if (changes.some((change) => change.target.closest?.("#vidi-following"))) appendFollowing();
    else if (changes.some((change) => [...change.addedNodes].some((node) => node.id === "vidi-more"))) watchMore();
    else if (changes.some((change) => change.target.closest?.("#vidi-gallery"))) watchMore();
  }).observe(document, { childList: true, subtree: true });
};
