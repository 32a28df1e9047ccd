// The index job that goes on, or was the last, in the library tab: followed by its news, stopped and continued. Its box
// is that of ui/page/library_tab.py; as news come only words in it change, so that a button stays under the hand.
import { clock, make, redraw, send } from "./dom.js";

const JOBS = "/api/v1/jobs";
const FAILURES_SHOWN = 200;
const NOTICES_SHOWN = 3;
const LOOK_AGAIN_MILLISECONDS = 1000;
const LOST = "vidi was started anew while a folder was indexed. What was finished is kept: index it again to go on.";

let job = null; // the newest
let turn = 0; // counts the jobs that were followed, so that what was read before the newest is known for old
let news = null; // its EventSource
let known = new Set(); // its failures and notices that are told: both its state and its news tell them
let notices = [];
let lookAgain = () => {}; // at what is indexed

const box = () => document.querySelector("#vidi-library .vidi-job");
const part = (name) => box().querySelector(`.vidi-${name}`);
const isOver = () => !job || !["running", "stopping"].includes(job.state);
const isSame = (one, other) => one?.id === other?.id && one?.started_at === other?.started_at; // after a restart 1 is another

export const number = (value) => value.toLocaleString("en");
export const counted = (count, noun) => `${number(count)} ${noun}${count === 1 ? "" : "s"}`;
export const text = (tag, textContent, className = "") => make(tag, { textContent, className });

export const failureLine = (failure) =>
  make("li", {}, text("span", failure.path, "vidi-where"), text("span", failure.reason));

const say = (words) => {
  document.querySelector("#vidi-library .vidi-add-told").textContent = words;
};

// -- what is asked for ---------------------------------------------------------------------------------------------

// `asked` is the body of a POST: {paths, space, retry_failed}; without paths, all that failed is tried again.
export const start = async (asked) => {
  say("");
  try {
    follow(await send("POST", JOBS, asked));
  } catch (error) {
    say(error.message);
  }
};

const stop = async () => {
  try {
    follow(await send("POST", `${JOBS}/${job.id}/stop`, {}));
    if (isOver()) lookAgain(); // it had ended by itself
  } catch (error) {
    say(error.message);
    lookAgain();
  }
};

const proceed = () => start({ paths: job.paths, space: job.space, retry_failed: job.retry_failed });

// -- its news ------------------------------------------------------------------------------------------------------

export const turnNow = () => turn;

// The server's list of jobs is the truth: one that goes on no more may have ended unheard, or with the server. `read` is
// the turn in which it was asked for.
export const followNewest = (jobs, read) => {
  if (read !== turn) return;
  if (!isOver() && !jobs.some((other) => isSame(other, job))) say(LOST);
  if (jobs.length || job) follow(jobs[0] ?? null);
};

const follow = (now) => {
  if (!isSame(job, now)) begin();
  job = now;
  job?.failures.forEach(tellFailure);
  job?.notices.forEach(tellNotice);
  draw();
  if (isOver()) hangUp();
  else if (!news) listen();
};

const begin = () => {
  hangUp();
  turn += 1;
  known = new Set();
  notices = [];
  part("failures").replaceChildren();
};

// Whoever looks elsewhere hears nothing: a browser has few connections to one host.
export const hangUp = () => {
  news?.close();
  news = null;
};

const listen = () => {
  news = new EventSource(`${JOBS}/${job.id}/events`);
  const hear = (name, take) =>
    news.addEventListener(name, (event) => {
      take(JSON.parse(event.data));
      draw();
    });
  hear("progress", (progress) => (job.progress = progress));
  hear("notice", ({ line }) => tellNotice(line));
  hear("failure", tellFailure);
  hear("done", (ended) => {
    hangUp();
    job = ended;
    lookAgain();
  });
  news.onerror = () => {
    if (news?.readyState !== EventSource.CLOSED) return; // the browser asks again by itself
    hangUp();
    setTimeout(lookAgain, LOOK_AGAIN_MILLISECONDS);
  };
};

const isNews = (...told) => {
  const key = JSON.stringify(told);
  return !known.has(key) && known.add(key);
};

const tellFailure = (failure) => {
  if (!isNews(failure.path, failure.reason)) return;
  const list = part("failures");
  list.append(failureLine(failure));
  if (list.children.length > FAILURES_SHOWN) list.firstChild.remove();
};

const tellNotice = (line) => {
  if (isNews(line)) notices = [...notices, line].slice(-NOTICES_SHOWN);
};

// -- its box -------------------------------------------------------------------------------------------------------

const STATES = {
  running: "Indexing",
  stopping: "Stopping; what is finished is kept",
  finished: "Done",
  stopped: "Stopped; what is finished is kept",
  failed: "That went wrong",
};

const duration = (seconds) => {
  if (seconds < 60) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} min`;
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

// The state alone is told to who can't see: each new word there is heard.
const drawState = () => {
  const [state, what] = [STATES[job?.state] ?? "", job?.paths.join(", ") || "what failed before"];
  const line = job ? `${state} ${what}` : "";
  if (part("job-state").textContent === line) return;
  part("job-state").replaceChildren(...(job ? [text("strong", state), ` ${what}`] : []));
};

const drawBar = () => {
  const [bar, { progress, state } = {}] = [box().querySelector("progress"), job ?? {}];
  bar.hidden = !job || state === "finished" || (isOver() && !progress);
  bar.max = Math.max(1, progress?.total ?? 1);
  if (progress || isOver()) bar.value = progress?.done ?? 0;
  else bar.removeAttribute("value"); // it looks what there is
  put(part("progress"), progress && state !== "finished" ? progressLine(progress) : "");
};

const drawButtons = () => {
  const canContinue = job?.state === "stopped" || (job?.state === "failed" && job.progress); // else it fails again
  part("job-stop").hidden = isOver();
  part("job-continue").hidden = !canContinue;
  disable(part("job-stop"), job?.state === "stopping");
  disable(document.querySelector("#vidi-library .vidi-again"), !isOver());
};

const put = (line, words) => {
  if (line.textContent !== words) line.textContent = words;
};

// For whoever presses it: a button that is disabled in earnest would lose the focus.
const disable = (one, whether) => one.setAttribute("aria-disabled", String(Boolean(whether)));

const draw = () => redraw(box(), drawAll, (now) => now[0] ?? box());

const drawAll = () => {
  drawState();
  drawBar();
  put(part("job-report"), job?.report && isOver() ? reportLine(job.report) : "");
  put(part("job-error"), job?.error ?? "");
  const told = part("job-notices");
  const lines = notices.map((line) => text("p", line, "vidi-quiet"));
  if (told.textContent !== notices.join("")) told.replaceChildren(...lines);
  drawButtons();
};

const PRESSES = {
  "vidi-job-stop": stop,
  "vidi-job-continue": proceed,
  "vidi-again": () => start({ retry_failed: true }),
};

// `whenOver` is called when a job has ended, or can't be followed.
export const watchJob = (whenOver) => {
  lookAgain = whenOver;
  document.addEventListener("click", (event) => {
    const pressed = event.target.closest?.("#vidi-library button");
    if (!pressed || pressed.ariaDisabled === "true") return;
    Object.entries(PRESSES).forEach(([name, press]) => pressed.classList.contains(name) && press());
  });
};
