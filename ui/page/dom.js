// What all parts of the page's script share. Words from files only ever become text here, never HTML.

export const make = (tag, properties = {}, ...children) => {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
};

export const button = (text, properties = {}) => make("button", { type: "button", textContent: text, ...properties });

// A text in the person's own words of why something can't be had: problem details (RFC 9457), or a plain line.
const reasonOf = async (response) => {
  const text = await response.text();
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
  if (!response.ok) throw new Error(await reasonOf(response));
  return response.status === 204 ? null : response.json();
};

export const read = (path) => answered(fetch(path, { headers: { Accept: "application/json" } }));

// What changes something needs the token of this page, which no other site can read.
export const send = (method, path, body) =>
  answered(
    fetch(path, {
      method,
      headers: {
        "Content-Type": "application/json",
        "X-Vidi-Token": document.querySelector("meta[name=vidi-token]")?.content ?? "",
      },
      body: JSON.stringify(body),
    }),
  );

export const thumbnail = (asset, seconds, size) =>
  `/thumbnail/${asset}?size=${size}${seconds === null ? "" : `&at=${seconds.toFixed(3)}`}`;

export const clock = (seconds) => {
  const whole = Math.floor(seconds);
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (number) => String(number).padStart(2, "0");
  return hours ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
};

export const isTyping = (target) => target.matches?.("input, textarea, select, [contenteditable=true]") ?? false;
