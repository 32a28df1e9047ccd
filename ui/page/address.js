// What is searched for, as the address says it, by the names of the programming interface; and the steps that the
// browser's Back and Forward take: searches, and an item that is open over one.

const LIKE = /^(\d{1,18})(?:@(\d{1,7}(?:\.\d{1,3})?))?$/;
const TITLE = "vidi";

let step = history.state?.step ?? 0; // of the search that is shown: one more with each

export const markOf = ({ asset, seconds }) => `${asset}${seconds === null ? "" : `@${seconds.toFixed(3)}`}`;

const likeOf = (mark, sign) => {
  const [, asset, seconds] = mark.match(LIKE) ?? [];
  return asset ? { asset: Number(asset), name: null, seconds: seconds ? Number(seconds) : null, sign } : null;
};

// {words, liked: [{asset, name or null, seconds or null, sign: "" or "-"}], unfolded} of an address.
export const searchOf = (address) => {
  const { searchParams: said } = new URL(address, location);
  const liked = [
    ...said.getAll("like").map((mark) => likeOf(mark, "")),
    ...said.getAll("unlike").map((mark) => likeOf(mark, "-")),
  ];
  return { words: said.get("q") ?? "", liked: liked.filter(Boolean), unfolded: said.get("unfolded") === "true" };
};

export const addressOf = ({ words, liked, unfolded }) => {
  const address = new URL(location);
  for (const name of ["q", "like", "unlike", "unfolded"]) address.searchParams.delete(name);
  if (words) address.searchParams.set("q", words);
  for (const one of liked) address.searchParams.append(one.sign ? "unlike" : "like", markOf(one));
  if (unfolded) address.searchParams.set("unfolded", "true");
  return address;
};

export const hasItemStep = () => history.state?.vidi === "item";

let isLeaving = false; // an item, whose step the browser takes back in its own time

export const isLeavingItem = () => isLeaving;

export const leaveItem = () => {
  isLeaving = true;
  history.back();
};

// An item is opened: going back closes it, as on a phone.
export const stepIntoItem = () => history.pushState({ vidi: "item", step }, "");

// A search is asked: a step of its own, or in place of the last. `pictures` are addresses of those in the box.
export const remember = (search, pictures, isOwnStep) => {
  const isOverItem = hasItemStep(); // which led here, and is closed: the search takes the place of its step
  if (isOwnStep || isOverItem) step += 1;
  const state = { vidi: "search", step, pictures };
  if (isOwnStep && !isOverItem) history.pushState(state, "", addressOf(search));
  else history.replaceState(state, "", addressOf(search));
  document.title = search.words ? `${search.words} · ${TITLE}` : TITLE;
};

// `restore` is told the search of another step than the one that is shown, and the pictures that were in the box.
export const watchSteps = (restore) => {
  window.addEventListener("popstate", ({ state }) => {
    isLeaving = false;
    const came = state?.step ?? 0;
    if (came === step) return; // only an item was opened or closed
    step = came;
    restore(searchOf(location), state?.pictures ?? []);
  });
};
