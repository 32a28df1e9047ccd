// The library tab: adds folders, follows index jobs as they go, tells what is indexed and what failed, and chooses the
// space that is searched. All of it is the programming interface's: /api/v1.
import { button, clock, make, read, send } from "./dom.js";

const RETRIED_MOST = 100; // paths that one job takes
const FAILURES_SHOWN = 200;

const api = (path) => `/api/v1/${path}`;
const number = (value) => value.toLocaleString("en");
const megabytes = (bytes) => `${(bytes / 1e6).toLocaleString("en", { maximumFractionDigits: 1 })} MB`;
const counted = (count, noun) => `${number(count)} ${noun}${count === 1 ? "" : "s"}`;

const duration = (seconds) => {
  if (seconds < 60) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} min`;
};

const place = (name) => document.querySelector(`#vidi-library .vidi-${name}`);
const text = (tag, textContent, className = "") => make(tag, { textContent, className });

const say = (name, words) => {
  const told = place(name);
  if (told) told.textContent = words;
};

// -- a job -------------------------------------------------------------------------------------------------------

let job = null; // the newest
let news = null; // its EventSource

const isOver = () => !job || !["running", "stopping"].includes(job.state);

const start = async (paths, more = {}) => {
  say("add-told", "");
  try {
    follow(await send("POST", api("jobs"), { paths, ...more }));
  } catch (error) {
    say("add-told", error.message);
  }
};

const stop = async () => {
  try {
    job = await send("POST", api(`jobs/${job.id}/stop`), {});
    drawJob();
  } catch (error) {
    say("add-told", error.message);
  }
};

const follow = (started) => {
  news?.close();
  job = { ...started, failures: [...started.failures], notices: [...started.notices] };
  drawJob();
  if (isOver()) return;
  news = new EventSource(api(`jobs/${job.id}/events`));
  const hear = (name, take) =>
    news.addEventListener(name, (event) => {
      take(JSON.parse(event.data));
      drawJob();
    });
  job.failures = []; // all are told from the first on
  job.notices = [];
  hear("progress", (progress) => (job.progress = progress));
  hear("notice", ({ line }) => job.notices.push(line));
  hear("failure", (failure) => job.failures.push(failure));
  hear("done", (ended) => {
    news.close();
    job = ended;
    refresh();
  });
};

const STATES = {
  running: "Indexing",
  stopping: "Stopping; what is finished is kept",
  finished: "Done",
  stopped: "Stopped; what is finished is kept",
  failed: "That went wrong",
};

const progressLine = ({ done, total, files_per_second, seconds_left, video_at_seconds, failed }) => {
  const facts = [`${number(done)} of ${counted(total, "file")}`];
  if (!isOver()) {
    if (files_per_second) facts.push(`${files_per_second.toFixed(1)} files a second`);
    if (seconds_left !== null) facts.push(`${duration(seconds_left)} left`);
    if (video_at_seconds !== null) facts.push(`at ${clock(video_at_seconds)} of a video`);
  }
  if (failed) facts.push(`${number(failed)} failed`);
  return facts.join(" · ");
};

const reportLine = ({ pictures, videos, sounds, unchanged, missing }) => {
  const facts = [];
  for (const [count, noun] of [[pictures, "picture"], [videos, "video"], [sounds, "sound"]]) {
    if (count) facts.push(`${counted(count, noun)} indexed`);
  }
  if (unchanged) facts.push(`${number(unchanged)} unchanged`);
  if (missing) facts.push(`${number(missing)} missing`);
  return facts.join(" · ") || "There was nothing new.";
};

const failureLines = (failures) => {
  const list = make("ul", { className: "vidi-failures" });
  for (const failure of failures.slice(-FAILURES_SHOWN)) {
    list.append(make("li", {}, text("span", failure.path, "vidi-where"), text("span", failure.reason)));
  }
  return list;
};

const drawJob = () => {
  const drawn = place("job");
  if (!drawn) return;
  drawn.hidden = !job;
  if (!job) return;
  const { progress, report, state } = job;
  const bar = make("progress", { max: Math.max(1, progress?.total ?? 1), value: progress?.done ?? 0 });
  bar.setAttribute("aria-label", "Files that are done");
  if (!progress && !isOver()) bar.removeAttribute("value"); // it looks what there is
  const canContinue = state === "stopped" || (state === "failed" && progress); // what never began fails again
  const ends = isOver()
    ? canContinue && button("Continue", { className: "vidi-button", onclick: () => start(job.paths, { space: job.space }) })
    : button("Stop", { className: "vidi-button", onclick: stop, disabled: state === "stopping" });
  drawn.replaceChildren(
    ...[
      make("p", {}, text("strong", STATES[state]), ` ${job.paths.join(", ")}`),
      state === "finished" || (isOver() && !progress) ? null : bar,
      progress && !(state === "finished") ? text("p", progressLine(progress), "vidi-progress") : null,
      report && isOver() ? text("p", reportLine(report)) : null,
      job.error ? text("p", job.error) : null,
      ...job.notices.slice(-3).map((line) => text("p", line, "vidi-quiet")),
      job.failures.length ? failureLines(job.failures) : null,
      ends || null,
    ].filter(Boolean),
  );
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
  const spaces = status.spaces.map((space) => spaceRow(space, status));
  place("spaces").replaceChildren(
    ...(spaces.length ? [table(["Searched", "Space", "Contents", "Vectors", "Version"], spaces)] : []),
  );
  drawFailed(status);
};

const drawFailed = ({ failures, files, failed_sidecars, failed_experts, troubled_places }) => {
  const all = [...troubled_places, ...failures, ...failed_sidecars, ...failed_experts];
  const section = place("failed");
  section.hidden = !all.length;
  const paths = [...new Set([...failures, ...failed_experts].map((failed) => failed.path))].slice(0, RETRIED_MOST);
  const again = button("Try again", {
    className: "vidi-button",
    disabled: !isOver(),
    onclick: () => start(paths, { retry_failed: true }),
  });
  section.replaceChildren(
    text("h3", `What failed, and why (${number(Math.max(files.failed, all.length))})`),
    failureLines(all),
    ...(paths.length ? [again] : []),
  );
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

export const refresh = async () => {
  if (!place("holds")) return;
  try {
    const [status, models, jobs] = await Promise.all([read(api("status")), read(api("models")), read(api("jobs"))]);
    drawStatus(status);
    drawModels(models);
    if (jobs.length && (!job || job.id !== jobs[0].id)) follow(jobs[0]);
    drawJob();
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
  document.addEventListener("submit", (event) => {
    if (!event.target.matches(".vidi-add")) return;
    event.preventDefault();
    const path = event.target.elements.path.value.trim();
    if (path) start([path]);
  });
  document.addEventListener("click", (event) => {
    const tab = event.target.closest?.('#vidi-tabs button[role="tab"]');
    if (tab?.textContent.trim() === "Library") setTimeout(refresh);
  });
};
