// Tags of an item: those that there are, each to be asked for or taken away, and a field for more.
import { setQuery } from "./asking.js";
import { button, make, nextIn, redraw, send } from "./dom.js";

const quoted = (label) => (/^[^\s"“”„()\\]+$/.test(label) ? label : `"${label.replace(/[\\"]/g, "\\$&")}"`);

export const tagEditor = (item, known) => {
  const list = make("ul", { className: "vidi-tags", ariaLabel: "Tags" });
  const told = make("p", { className: "vidi-told", role: "status" });
  const field = make("input", { type: "text", placeholder: "Add a tag", ariaLabel: "Add a tag", maxLength: 200 });
  const form = make("form", { className: "vidi-tag-form" }, field, button("Add", { type: "submit" }));

  const change = async (said) => {
    try {
      draw((await send("PATCH", `/api/v1/assets/${item.asset}/tags`, said)).map(shown));
      told.textContent = "";
      return true;
    } catch (error) {
      told.textContent = error.message;
      return false;
    }
  };

  const entry = (tag) => {
    const name = button(tag.label, { title: tag.by_hand ? "by hand" : `${tag.chance} that it is right` });
    name.onclick = () => {
      name.closest("dialog")?.close();
      setQuery(`tag:${quoted(tag.label)}`);
    };
    const away = button("×", { title: `Take away ${tag.label}` });
    away.setAttribute("aria-label", `Take away ${tag.label}`);
    away.onclick = () => change({ remove: [tag.label] });
    return make("li", { className: tag.by_hand ? "vidi-tag vidi-by-hand" : "vidi-tag" }, name, away);
  };

  const draw = (tags) =>
    redraw(list, () => list.replaceChildren(...tags.map(entry)), (now, before) => nextIn(now, before) ?? field);

  form.onsubmit = async (event) => {
    event.preventDefault();
    const label = field.value.trim();
    if (label && (await change({ add: [label] }))) field.value = "";
  };
  draw(known.is_tagged ? known.tags : [...known.tags, ...item.tags.filter(isNew(known.tags))]);
  return make("div", {}, list, form, told);
};

// Of what no tagger has seen, what the search says of it stands for its tags.
const isNew = (tags) => {
  const names = new Set(tags.map((tag) => tag.label.toLowerCase()));
  return (tag) => !names.has(tag.label.toLowerCase());
};

// A tag of the programming interface as it is shown.
const shown = ({ label, score, source }) => ({
  label,
  chance: `${Math.min(99, Math.max(1, Math.round(100 * score)))} %`,
  by_hand: source === "people",
});
