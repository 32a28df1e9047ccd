// One item, large: beside it all that is known of it, and what can be done with it.
import { hasItemStep, leaveItem, stepIntoItem } from "./address.js";
import { isAboutToAsk, like, queryText, unfold } from "./asking.js";
import { ask, button, isTyping, make, read, redraw } from "./dom.js";
import { askMore, cards, whenMoreCame } from "./gallery.js";
import { momentButtons, showPicture, showSound, showVideo, strip, transcript } from "./player.js";
import { tagEditor } from "./tags.js";

const MORE_FROM = 3; // cards before the last, those that follow it are asked for

let viewer = null; // the dialog that is open

const section = (title, ...children) =>
  make("section", { className: "vidi-section" }, make("h3", { textContent: title }), ...children);

const line = (className, text) => make("p", { className, textContent: text });

// -- the parts of what is told -----------------------------------------------------------------------------------

const facts = (known) => {
  const list = make("dl", { className: "vidi-facts" });
  for (const fact of known.facts) list.append(make("dt", { textContent: fact.name }), make("dd", { textContent: fact.value }));
  if (known.map_link) {
    const link = make("a", { href: known.map_link, target: "_blank", rel: "noopener noreferrer", textContent: "on a map" });
    link.title = "Opens openstreetmap.org, which learns the place";
    list.append(make("dt", { textContent: "Place" }), make("dd", {}, link));
  }
  return list;
};

const files = (item, known) => {
  const lines = [line("vidi-where", item.path)];
  lines.push(...known.parts.map(([name, role]) => line("vidi-where", `with ${name} (${role})`)));
  lines.push(...known.copies.map((copy) => line("vidi-where", `also ${copy}`)));
  return section("Where it lies", ...lines);
};

const words = (known) => {
  const told = [known.title, known.caption].filter(Boolean);
  return told.length ? section("What people wrote", ...told.map((text) => line("vidi-words", text))) : null;
};

const TEXTS = [
  ["speech", "What is said, by a machine's ear"],
  ["ocr", "What is written in it, by a machine's eye"],
];

const texts = (known, player) =>
  TEXTS.map(([source, title]) => {
    const lines = known.texts.filter((text) => text.source === source);
    return lines.length ? section(title, transcript(lines, player)) : null;
  });

const why = (item, player) => {
  const lines = item.why.map(({ text, start }) => {
    const told = line("vidi-words vidi-reason", text);
    if (player && start !== null) told.append(" ", button("Play", { onclick: () => player.seek(start) }));
    return told;
  });
  return lines.length ? section("Why it matched", ...lines) : null;
};

// -- searching within a video ------------------------------------------------------------------------------------

const within = (item, player, onMoments) => {
  const field = make("input", { type: "search", placeholder: "Find in this video", ariaLabel: "Find in this video" });
  const told = make("div", { className: "vidi-within-found", role: "status" });
  const form = make("form", { className: "vidi-within", role: "search" }, field);
  form.onsubmit = async (event) => {
    event.preventDefault();
    if (!field.value.trim()) return;
    try {
      const moments = await read(`/page/items/${item.asset}/moments?q=${encodeURIComponent(field.value)}`);
      told.replaceChildren(
        moments.length ? momentButtons(moments, player, "Moments that come nearest") : "Nothing was found.",
      );
      if (moments.length) player.seek(moments[0].start);
      onMoments(moments);
    } catch (error) {
      told.textContent = error.message;
    }
  };
  return make("div", {}, form, told);
};

// -- where the answer comes from ---------------------------------------------------------------------------------

const heatToggle = (stage, item, player, told) => {
  const toggle = button("Where in the picture?", { title: "Shows what in it speaks for the query" });
  toggle.setAttribute("aria-pressed", "false");
  const hide = () => {
    stage.classList.remove("vidi-looking");
    stage.querySelector(".vidi-heat")?.remove();
    toggle.setAttribute("aria-pressed", "false");
    told.textContent = "";
  };
  toggle.onclick = async () => {
    if (toggle.getAttribute("aria-pressed") === "true") return hide();
    toggle.setAttribute("aria-pressed", "true");
    told.textContent = "Looking where it comes from …";
    stage.classList.add("vidi-looking");
    player?.pause();
    const at = player ? `&at=${player.now.toFixed(3)}` : "";
    const asked = `/page/items/${item.asset}/why?q=${encodeURIComponent(queryText())}${at}`;
    const [answer, failure] = await ask(asked).then((one) => [one, null], (error) => [null, error.message]);
    if (toggle.getAttribute("aria-pressed") !== "true") return;
    stage.classList.remove("vidi-looking");
    if (failure) {
      toggle.setAttribute("aria-pressed", "false");
      told.textContent = failure;
      return;
    }
    const image = make("img", { className: "vidi-heat", alt: "What speaks for the query is bright" });
    image.src = URL.createObjectURL(await answer.blob());
    image.onload = () => URL.revokeObjectURL(image.src);
    image.onclick = hide;
    stage.append(image);
    told.textContent = "What speaks for the query is bright.";
  };
  return toggle;
};

// -- the dialog --------------------------------------------------------------------------------------------------

// A sound has no looks that others could be like, or that could be drawn over.
const actions = (stage, item, player, close) => {
  if (item.kind === "sound") return [];
  const told = make("p", { className: "vidi-told", role: "status" });
  const likes = [
    ["More like this", ""],
    ["Less like this", "-"],
  ].map(([text, sign]) =>
    button(text, {
      onclick: () => {
        const seconds = player ? player.now : null;
        close();
        like(item.asset, item.name, seconds, sign);
      },
    }),
  );
  const alike = item.folded
    ? button(`Show ${item.folded} near-identical`, {
        onclick: () => {
          close();
          unfold(true);
        },
      })
    : null;
  const heat = queryText() ? heatToggle(stage, item, player, told) : null;
  return [make("div", { className: "vidi-actions" }, ...likes, alike, heat), told];
};

// What plays it, from its best moment on; null where it has no time.
const show = (stage, item) => {
  if (item.kind === "picture") {
    showPicture(stage, item);
    return null;
  }
  const start = item.moments[0]?.start ?? 0;
  const player = (item.kind === "video" ? showVideo : showSound)(stage, item, start);
  player.now = start;
  player.onTime((seconds) => (player.now = seconds));
  return player;
};

// A video that is shown no more is loaded no further: a browser has few connections to one host.
const letGo = (dialog) => {
  const media = dialog.querySelector("video, audio");
  media?.pause();
  media?.removeAttribute("src");
  media?.load();
};

const heading = (dialog, item) => {
  const control = (text, label, onclick, className = "") => {
    const one = button(text, { title: label, onclick, className });
    one.setAttribute("aria-label", label);
    return one;
  };
  return make(
    "div",
    { className: "vidi-heading" },
    make("h2", { textContent: item.name, title: item.name }),
    make("span", { textContent: item.chance, title: "the chance that it fits" }),
    control("‹", "Previous", () => go(-1), "vidi-previous"),
    control("›", "Next", () => go(1), "vidi-next"),
    control("✕", "Close", () => dialog.close(), "vidi-close"),
  );
};

// To its neighbour in the gallery, as that stands now.
const go = (step) => {
  const all = cards();
  const next = all[all.indexOf(viewer.card) + step];
  if (next) fill(viewer, next);
};

const tellNeighbours = (dialog) => {
  const [place, last] = [cards().indexOf(dialog.card), cards().length - 1];
  dialog.querySelector(".vidi-previous").disabled = place <= 0;
  dialog.querySelector(".vidi-next").disabled = place === last;
  if (place >= last - MORE_FROM) askMore();
};

const fill = (dialog, card) => redraw(dialog, () => draw(dialog, card), () => dialog);

const draw = (dialog, card) => {
  letGo(dialog);
  const item = JSON.parse(card.dataset.item);
  dialog.card = card;
  dialog.setAttribute("aria-label", item.name);
  const stage = make("div", { className: "vidi-stage" });
  const along = make("div", { className: "vidi-along" });
  const rest = make("div", { className: "vidi-rest" });
  const player = show(stage, item);
  if (player && item.moments.length) along.append(momentButtons(item.moments, player, "Moments that fit"));
  const told = actions(stage, item, player, () => dialog.close());
  const about = make("div", { className: "vidi-about" }, heading(dialog, item), ...told, rest);
  dialog.replaceChildren(make("div", { className: "vidi-left" }, stage, along), about);
  tellNeighbours(dialog);
  tellMore(dialog, card, item, player, along, rest);
};

// What the catalog knows comes a moment after the item itself is seen.
const tellMore = async (dialog, card, item, player, along, rest) => {
  let known;
  try {
    known = await read(`/page/items/${item.asset}`);
  } catch (error) {
    rest.append(line("vidi-where", item.path), line("vidi-told", error.message));
    return;
  }
  if (dialog.card !== card) return; // another is shown by now
  if (item.kind === "video") {
    player.lasts(known.duration_seconds ?? 0);
    const draw = (moments) => {
      const drawn = known.duration_seconds ? strip(item, known.stills, known.duration_seconds, moments, player) : "";
      along.querySelector(".vidi-strip")?.remove();
      along.append(drawn);
    };
    draw(item.moments);
    along.append(within(item, player, draw));
  }
  rest.append(
    ...[
      section("Tags", tagEditor(item, known)),
      words(known),
      ...(player ? texts(known, player) : []),
      why(item, player),
      section("Facts", facts(known)),
      files(item, known),
    ].filter(Boolean),
  );
};

const keys = (event) => {
  if (isTyping(event.target) || ["VIDEO", "AUDIO"].includes(event.target.tagName)) return; // their own keys
  if (event.key === "ArrowLeft") go(-1);
  if (event.key === "ArrowRight") go(1);
};

const closed = () => {
  const { card } = viewer;
  letGo(viewer);
  viewer.remove();
  viewer = null;
  card.focus();
  if (hasItemStep() && !isAboutToAsk()) leaveItem(); // a search that it led to takes the place of its step
};

export const open = (card) => {
  if (viewer) return;
  viewer = make("dialog", { className: "vidi-viewer", tabIndex: -1 });
  viewer.addEventListener("click", (event) => event.target === viewer && viewer.close());
  viewer.addEventListener("keydown", keys);
  viewer.addEventListener("close", closed);
  document.body.append(viewer);
  fill(viewer, card);
  viewer.showModal();
  viewer.focus({ preventScroll: true }); // not a button of it, nor the video, which has keys of its own
  stepIntoItem();
};

window.addEventListener("popstate", () => viewer?.close());
whenMoreCame(() => viewer && tellNeighbours(viewer));
