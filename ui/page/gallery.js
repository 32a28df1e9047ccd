// The gallery: pages are put below one another as they are scrolled to, arrow keys walk over the cards.
import { focusBox } from "./asking.js";

const AHEAD = "800px"; // so far below the window the next page is asked for

export const cards = () => [...document.querySelectorAll("#vidi-gallery .vidi-card")];

const grid = () => document.querySelector("#vidi-gallery .vidi-grid");

// What follows comes into a field of its own; the same asset is never shown twice.
const appendFollowing = () => {
  const found = [...document.querySelectorAll("#vidi-following .vidi-grid > li")];
  if (!found.length || !grid()) return;
  const shown = new Set([...grid().children].map((entry) => entry.dataset.asset));
  grid().append(...found.filter((entry) => !shown.has(entry.dataset.asset)));
  document.querySelector("#vidi-following .vidi-grid")?.remove();
  watchMore();
};

const isNear = new IntersectionObserver(
  (seen) => {
    if (seen.some((entry) => entry.isIntersecting)) document.querySelector("#vidi-more")?.click();
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
