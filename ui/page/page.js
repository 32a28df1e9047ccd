// What Gradio doesn't do by itself. This file joins the parts: the box, the gallery, an item large, the library.
import { watchAnswers } from "./answering.js";
import { focusBox, queryText, setQuery, setSearch, watchBox } from "./asking.js";
import { isTyping } from "./dom.js";
import { watchGallery } from "./gallery.js";
import { watchLibrary } from "./library.js";
import { toggleSaved, watchSaved } from "./saved.js";
import { watchSpoken } from "./spoken.js";
import { open } from "./viewer.js";

const help = () => document.querySelector("#vidi-help-text");

const toggleHelp = (show = help()?.hidden) => {
  if (!help()) return;
  help().hidden = !show;
  document.querySelector("#vidi-help-toggle")?.setAttribute("aria-expanded", String(show));
};

const showTab = (name) => {
  [...document.querySelectorAll('#vidi-tabs button[role="tab"]')].find((tab) => tab.textContent.trim() === name)?.click();
};

const isInSight = (selector) => document.querySelector(selector)?.checkVisibility() ?? false;

let narrowed = null; // the filter that was clicked last: filters are drawn anew after each answer, and it keeps the focus

const keepFocus = () => {
  if (narrowed === null || document.activeElement !== document.body) return;
  const same = [...document.querySelectorAll(".vidi-facet")].find((filter) => filter.dataset.token === narrowed);
  narrowed = null;
  same?.focus({ preventScroll: true });
};

// What a click on a filter becomes was worked out for the line that was answered; more may have been typed since.
const narrow = (filter) => {
  const { token, becomes } = filter.dataset;
  const line = queryText();
  narrowed = token;
  if (line === filter.closest(".vidi-facets").dataset.for.trim()) setQuery(becomes);
  else if (!line.includes(token)) setQuery(`${line} ${token}`.trim());
};

document.addEventListener("click", (event) => {
  const on = (selector) => event.target.closest?.(selector);
  const asks = on("[data-query]");
  if (asks) setQuery(asks.dataset.query);
  const kept = on("[data-address]");
  if (kept) setSearch(kept.dataset.address);
  const filter = on(".vidi-facet");
  if (filter) narrow(filter);
  const card = on(".vidi-card");
  if (card) open(card);
  if (on("#vidi-help-toggle")) toggleHelp();
  if (on("#vidi-saved-toggle")) toggleSaved();
  const filters = on("#vidi-filters");
  if (filters) filters.setAttribute("aria-expanded", String(filters.getAttribute("aria-expanded") !== "true"));
  if (on(".vidi-to-library")) showTab("Library");
});

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  if (event.key === "Escape") {
    toggleHelp(false);
    toggleSaved(false);
    if (!isTyping(event.target)) focusBox();
  }
  // The empty box takes no slash and no question mark: whoever types one there is on the way to it, or to help. Any other
  // field takes both: a path begins with a slash.
  const isEmptyBox = event.target.matches?.("#vidi-query textarea") && !event.target.value;
  if (!["/", "?"].includes(event.key) || (isTyping(event.target) && !isEmptyBox)) return;
  event.preventDefault();
  showTab("Search");
  if (event.key === "?") toggleHelp();
  else if (isInSight("#vidi-query")) focusBox();
  else setTimeout(focusBox); // Gradio shows its tab a moment later
});

new MutationObserver(keepFocus).observe(document, { childList: true, subtree: true });
watchAnswers();
watchBox();
watchGallery();
watchLibrary();
watchSaved();
watchSpoken();
