// What all parts of the page's script share. Words from files only ever become text here, never HTML.

export const make = (tag, properties = {}, ...children) => {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
};

export const button = (text, properties = {}) => make("button", { type: "button", textContent: text, ...properties });

// A session has ended, or vidi was started anew: nothing is answered before somebody signs in again.
export const signIn = () => location.assign("/login");

const TOKEN = "x-vidi-token";
const STARTED_ANEW = "vidi was started anew since this page was opened. Reload the page, and try again.";

// A text in the person's own words of why something can't be had: problem details (RFC 9457), or a plain line.
const reasonOf = async (response) => {
  const text = await response.text();
  if (response.status === 401) return "Sign in again.";
  if (response.status === 403 && text.includes(TOKEN)) return STARTED_ANEW; // that of this page holds no more
  try {
    return JSON.parse(text).detail || text;
  } catch {
    return text || `the page was answered by ${response.status}`;
  }
};

const answered = async (asked) => {
  let response;
  try {
    response = await asked;
  } catch {
    throw new Error("vidi does not answer; is it still running in its terminal?");
  }
  if (response.status === 401) signIn();
  if (!response.ok) throw new Error(await reasonOf(response));
  return response;
};

const contentOf = async (response) => (response.status === 204 ? null : response.json());

// The response itself; it throws an Error with a line for people where there is none, or no good one.
export const ask = (path) => answered(fetch(path));

export const read = async (path) => contentOf(await answered(fetch(path, { headers: { Accept: "application/json" } })));

// What changes something needs the token of this page, which no other site can read.
export const send = async (method, path, body) => {
  const token = document.querySelector("meta[name=vidi-token]")?.content ?? "";
  const headers = { "Content-Type": "application/json", [TOKEN]: token };
  return contentOf(await answered(fetch(path, { method, headers, body: JSON.stringify(body) })));
};

export const thumbnail = (asset, seconds, size) =>
  `/thumbnail/${asset}?size=${size}${seconds === null ? "" : `&at=${seconds.toFixed(3)}`}`;

export const clock = (seconds) => {
  const whole = Math.floor(seconds);
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (number) => String(number).padStart(2, "0");
  return hours ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
};

const TYPED = "input:not([type=radio], [type=checkbox]), textarea, select, [contenteditable=true]";

export const isTyping = (target) => target.matches?.(TYPED) ?? false;

const nameOf = (control) => control.ariaLabel ?? control.textContent;

const controlsIn = (place) =>
  [...place.querySelectorAll("button:enabled, input:enabled")].filter((control) => control.checkVisibility());

// Has `draw` change what is in `place`. The focus of a control that is there no more would fall to the page: it goes to
// the control of the same name, else to what `instead` gives of (those that there are now, the place that it had).
export const redraw = (place, draw, instead = () => null) => {
  const held = document.activeElement;
  const before = controlsIn(place).indexOf(held);
  draw();
  if (before < 0 || controlsIn(place).includes(held)) return;
  const now = controlsIn(place);
  const same = now.find((control) => nameOf(control) === nameOf(held));
  (same ?? instead(now, before))?.focus({ preventScroll: true });
};

// In a list: the control that took its place, else the last.
export const nextIn = (now, before) => now[Math.min(before, now.length - 1)];
