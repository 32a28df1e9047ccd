// The library tab: adds folders, tells what is indexed and what failed, and chooses the space that is searched. All of it
// is the programming interface's: /api/v1. The index job that goes on has a file of its own.
import { make, read, redraw, send } from "./dom.js";
import { counted, failureLine, followNewest, hangUp, number, start, text, turnNow, watchJob } from "./job.js";

const api = (path) => `/api/v1/${path}`;
const megabytes = (bytes) => `${(bytes / 1e6).toLocaleString("en", { maximumFractionDigits: 1 })} MB`;

const place = (name) => document.querySelector(`#vidi-library .vidi-${name}`);

const say = (name, words) => {
  const told = place(name);
  if (told) told.textContent = words;
};

// -- what there is -----------------------------------------------------------------------------------------------

const row = (...cells) => make("tr", {}, ...cells.map((cell) => make("td", {}, cell)));

const table = (names, rows) =>
  make(
    "div",
    { className: "vidi-scroll" },
    make(
      "table",
      {},
      make("thead", {}, make("tr", {}, ...names.map((name) => make("th", { textContent: name, scope: "col" })))),
      make("tbody", {}, ...rows),
    ),
  );

const use = async (name) => {
  try {
    await send("PUT", api("space"), { name });
    say("space-told", `A search takes ${name} now.`);
  } catch (error) {
    say("space-told", error.message);
  }
  refresh();
};

const spaceRow = (space, status) => {
  const choice = make("input", {
    type: "radio",
    name: "vidi-space",
    checked: space.name === status.default_space,
    ariaLabel: `Search in ${space.name}`,
    onchange: () => use(space.name),
  });
  return row(choice, space.name, number(space.assets), number(space.vectors), space.version);
};

const drawStatus = (status) => {
  const { assets, files } = status;
  const kinds = ["picture", "video", "sound"].filter((kind) => assets[kind]).map((kind) => counted(assets[kind], kind));
  const states = ["indexed", "waiting", "failed", "parts", "missing"].filter((name) => files[name]);
  place("holds").replaceChildren(
    text("p", kinds.length ? kinds.join(", ") : "Nothing is indexed yet. Add a folder above."),
    text("p", [`Files: ${states.map((name) => `${number(files[name])} ${name}`).join(", ") || "none"}`, `${megabytes(status.size_bytes)} in ${status.library}`].join(" · "), "vidi-quiet"),
  );
  redraw(place("spaces"), () => drawSpaces(status));
  redraw(place("failed"), () => drawFailed(status), () => place("job"));
};

const drawSpaces = (status) => {
  const rows = status.spaces.map((space) => spaceRow(space, status));
  const drawn = rows.length ? [table(["Searched", "Space", "Contents", "Vectors", "Version"], rows)] : [];
  place("spaces").replaceChildren(...drawn);
};

const drawFailed = ({ failures, files, failed_sidecars, failed_experts, troubled_places }) => {
  const all = [...troubled_places, ...failures, ...failed_sidecars, ...failed_experts];
  const section = place("failed");
  section.hidden = !all.length;
  section.querySelector("h3").textContent = `What failed, and why (${number(Math.max(files.failed, all.length))})`;
  section.querySelector("ul").replaceChildren(...all.map(failureLine));
};

const drawModels = (models) => {
  const rows = models.map((card) =>
    row(
      card.name,
      card.task,
      card.size_bytes ? megabytes(card.size_bytes) : "",
      card.licence,
      card.available ? "on this machine" : `not here: ${card.source}`,
    ),
  );
  place("models").replaceChildren(table(["Model", "What for", "Size", "Licence", "Where"], rows));
};

let looks = 0;

const refresh = async () => {
  if (!place("holds")) return;
  looks += 1;
  const [look, turn] = [looks, turnNow()];
  try {
    const [status, models, jobs] = await Promise.all([read(api("status")), read(api("models")), read(api("jobs"))]);
    if (look !== looks || !place("holds").checkVisibility()) return; // looked at again, or left, meanwhile
    drawStatus(status);
    drawModels(models);
    followNewest(jobs, turn);
  } catch (error) {
    place("holds").textContent = error.message;
  }
};

// -- the form ----------------------------------------------------------------------------------------------------

const enableForm = () => {
  const waiting = document.querySelector(".vidi-add button:disabled");
  if (waiting) waiting.disabled = false;
};

export const watchLibrary = () => {
  new MutationObserver(enableForm).observe(document, { childList: true, subtree: true }); // Gradio draws it later
  enableForm();
  watchJob(refresh);
  document.addEventListener("submit", (event) => {
    if (!event.target.matches(".vidi-add")) return;
    event.preventDefault();
    const path = event.target.elements.path.value.trim();
    if (path) start({ paths: [path] });
  });
  document.addEventListener("click", (event) => {
    const tab = event.target.closest?.('#vidi-tabs button[role="tab"]');
    if (tab?.textContent.trim() === "Library") setTimeout(refresh);
    else if (tab) hangUp();
  });
};
