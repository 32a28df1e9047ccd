// Searches that are kept under a name: the one that is shown can be kept, those that are kept are a click away.
import { searchNow, setSearch } from "./asking.js";
import { markOf } from "./address.js";
import { button, make, nextIn, read, redraw, send } from "./dom.js";
import { pictures } from "./pictures.js";

const SAVED = "/api/v1/saved";

const panel = () => document.querySelector("#vidi-saved-panel");
const say = (words) => (panel().querySelector(".vidi-told").textContent = words);

const isNothing = ({ words, liked }) => !words && !liked.length;

// Why the search that is shown can't be kept; empty if it can.
const hindrance = () => {
  if (pictures().length) return "A picture of yours can't be kept with a search. Take it out, or index it and choose More like this.";
  return isNothing(searchNow()) ? "Search for something, and it can be kept here under a name." : "";
};

const entry = ({ name, line, address }) => {
  const open = button("", { className: "vidi-saved-open", onclick: () => setSearch(address) });
  open.append(make("strong", { textContent: name }), make("span", { textContent: line }));
  const remove = button("×", { title: `Remove ${name}`, onclick: () => forget(name) });
  remove.setAttribute("aria-label", `Remove ${name}`);
  return make("li", {}, open, remove);
};

const draw = async () => {
  const told = hindrance();
  for (const field of panel().querySelector("form").elements) field.disabled = Boolean(told);
  say(told);
  try {
    const saved = await read("/page/saved");
    const list = panel().querySelector("ul");
    const toggle = document.querySelector("#vidi-saved-toggle");
    redraw(list, () => list.replaceChildren(...saved.map(entry)), (now, before) => nextIn(now, before) ?? toggle);
  } catch (error) {
    say(error.message);
  }
};

const keep = async (field) => {
  const { words, liked, unfolded } = searchNow();
  const marks = (sign) => liked.filter((one) => one.sign === sign).map(markOf);
  try {
    await send("POST", SAVED, { name: field.value, q: words, like: marks(""), unlike: marks("-"), unfolded });
    field.value = "";
    await draw();
  } catch (error) {
    say(error.message);
  }
};

const forget = async (name) => {
  try {
    await send("DELETE", `${SAVED}?name=${encodeURIComponent(name)}`);
    await draw();
  } catch (error) {
    say(error.message);
  }
};

export const toggleSaved = (show = panel()?.hidden) => {
  if (!panel()) return;
  panel().hidden = !show;
  document.querySelector("#vidi-saved-toggle")?.setAttribute("aria-expanded", String(show));
  if (show) draw();
};

export const watchSaved = () => {
  document.addEventListener("submit", (event) => {
    if (!event.target.matches(".vidi-save")) return;
    event.preventDefault();
    const field = event.target.elements.name;
    if (field.value.trim()) keep(field);
  });
};
