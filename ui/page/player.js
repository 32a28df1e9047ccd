// A video at its moment, with a strip of its moments and its words. Where the browser can't play it, a preview clip
// stands in, and where there is none either, the frame of the moment.
import { button, clock, make, thumbnail } from "./dom.js";

const PREVIEW_SECONDS = 30;
const SAME_TIME_SECONDS = 0.05;
const END_SECONDS = 0.5; // by so much clips and videos may end before their time

const GONE = "This file is not where it was when it was indexed. Index its folder again.";
const NO_PLAY = "This browser can't play this kind of video. This is its frame at the moment.";
const NO_SOUND = "This browser can't play this kind of sound.";
const PREVIEW = "This browser can't play this kind of video. This is a preview clip of it.";

const say = (stage, text) => {
  stage.querySelector("p")?.remove();
  if (text) stage.append(make("p", { textContent: text }));
};

// The picture itself; a rendition where the browser can't show its kind, such as TIFF.
export const showPicture = (stage, item) => {
  const image = make("img", { alt: item.name, src: `/media/${item.asset}` });
  image.onerror = () => {
    image.onerror = () => {
      image.remove();
      say(stage, GONE);
    };
    image.src = thumbnail(item.asset, null, 1600);
  };
  stage.append(image);
};

// What is served in its place where it is gone has no kind.
const kindServed = async (item) => {
  const told = await fetch(`/media/${item.asset}`, { method: "HEAD" }).catch(() => null);
  return (told?.ok && told.headers.get("content-type")) || "";
};

// Gives {seek(seconds), onTime(listener), lasts(seconds), pause()}; times are those of the whole video, whatever is shown of it.
export const showVideo = (stage, item, start) => {
  const video = make("video", { controls: true, playsInline: true, preload: "auto" });
  const listeners = [];
  let length = 0; // seconds of the whole video, once they are known
  let offset = 0; // where in the video the clip begins that is played
  let seek = (seconds) => {
    video.currentTime = seconds;
    video.play().catch(() => {});
  };
  const tell = (seconds) => listeners.forEach((listener) => listener(seconds));
  video.ontimeupdate = () => tell(offset + video.currentTime);

  const still = () => {
    const image = make("img", { alt: item.name });
    video.replaceWith(image);
    image.onerror = () => {
      image.remove();
      say(stage, GONE);
    };
    image.onload = () => say(stage, NO_PLAY);
    seek = (seconds) => {
      image.src = thumbnail(item.asset, seconds, 1600);
      tell(seconds);
    };
    seek(start);
  };

  // Animated pictures play by themselves; their moments are stills.
  const animation = () => {
    const image = make("img", { alt: item.name, src: `/media/${item.asset}` });
    video.replaceWith(image);
    seek = (seconds) => {
      image.src = thumbnail(item.asset, seconds, 1600);
      tell(seconds);
    };
  };

  const clip = (seconds) => {
    offset = Math.max(0, seconds);
    say(stage, "Making a preview clip …");
    video.src = `/api/v1/assets/${item.asset}/preview?start=${offset.toFixed(3)}&seconds=${PREVIEW_SECONDS}`;
    video.onloadedmetadata = () => {
      say(stage, PREVIEW);
      video.play().catch(() => {});
    };
    video.onerror = still;
    video.onended = () => {
      const next = offset + PREVIEW_SECONDS;
      const isWhole = video.duration > PREVIEW_SECONDS - END_SECONDS; // a shorter one ends where the video does
      if (isWhole && next + END_SECONDS < length) clip(next);
    };
    seek = (wanted) => {
      if (wanted < offset || wanted >= offset + video.duration) return clip(wanted);
      video.currentTime = wanted - offset;
      video.play().catch(() => {});
    };
  };

  const fall = async () => {
    video.onerror = null;
    const served = await kindServed(item);
    if (!video.isConnected) return; // another item is shown by now
    if (served.startsWith("image/")) animation();
    else if (served) clip(start);
    else still();
  };

  video.onerror = fall;
  video.onloadedmetadata = () => {
    if (video.videoWidth === 0) return fall();
    if (Math.abs(video.currentTime - start) > SAME_TIME_SECONDS) video.currentTime = start;
    video.play().catch(() => {}); // where the browser doesn't allow it, it waits at the moment
  };
  video.src = `/media/${item.asset}#t=${start}`;
  stage.append(video);
  return {
    seek: (seconds) => seek(seconds),
    onTime: (listener) => listeners.push(listener),
    lasts: (seconds) => (length = seconds),
    pause: () => video.pause(),
  };
};

// A sound, from where it was found; gives what showVideo gives.
export const showSound = (stage, item, start) => {
  const sound = make("audio", { controls: true, preload: "metadata", ariaLabel: item.name });
  const listeners = [];
  const seek = (seconds) => {
    sound.currentTime = seconds;
    sound.play().catch(() => {});
  };
  sound.ontimeupdate = () => listeners.forEach((listener) => listener(sound.currentTime));
  sound.onerror = async () => {
    const served = await kindServed(item);
    sound.remove();
    say(stage, served ? NO_SOUND : GONE);
  };
  sound.src = `/media/${item.asset}#t=${start}`;
  stage.append(sound);
  return { seek, onTime: (listener) => listeners.push(listener), lasts: () => {}, pause: () => sound.pause() };
};

// -- what lies along the time --------------------------------------------------------------------------------------

const inside = (moment, seconds) => moment.start <= seconds && seconds < moment.end;

// Buttons for the moments that fit; the one that is played is marked.
export const momentButtons = (moments, player, label) => {
  const row = make("div", { className: "vidi-times", role: "group", ariaLabel: label });
  for (const moment of moments) {
    const one = button(moment.label, { title: `${moment.chance} that it fits` });
    one.onclick = () => player.seek(moment.start);
    row.append(one);
  }
  const mark = (seconds) =>
    moments.forEach((moment, index) => row.children[index].setAttribute("aria-current", String(inside(moment, seconds))));
  mark(moments[0]?.start ?? 0);
  player.onTime(mark);
  return row;
};

// Stills along the whole length, where the moments lie, and where it is played now. Each place is a click.
export const strip = (item, stills, duration, moments, player) => {
  const frames = make("div", { className: "vidi-stills" });
  for (const seconds of stills) {
    const frame = button("", { title: clock(seconds) });
    frame.setAttribute("aria-label", `Play from ${clock(seconds)}`);
    frame.append(make("img", { alt: "", loading: "lazy", src: thumbnail(item.asset, seconds, 160) }));
    frame.onclick = () => player.seek(seconds);
    frames.append(frame);
  }
  const percent = (seconds) => `${Math.min(100, (100 * seconds) / duration)}%`;
  const bar = make("div", { className: "vidi-bar" });
  for (const moment of moments) {
    const place = make("span", { className: "vidi-bar-moment" });
    place.style.left = percent(moment.start);
    place.style.width = percent(Math.max(moment.end - moment.start, duration / 200));
    bar.append(place);
  }
  const now = make("span", { className: "vidi-bar-now" });
  bar.append(now);
  bar.onclick = (event) => {
    const { left, width } = bar.getBoundingClientRect();
    player.seek((duration * (event.clientX - left)) / width);
  };
  player.onTime((seconds) => (now.style.left = percent(seconds)));
  return make("div", { className: "vidi-strip", role: "group", ariaLabel: "Along the video" }, frames, bar);
};

// The words, line by line: the one that is said now is marked and kept in sight, each is a click.
export const transcript = (texts, player) => {
  const list = make("ol", { className: "vidi-transcript" });
  const lines = texts.map((text) => {
    const line = button("");
    line.append(make("time", { textContent: text.clock }), make("span", { textContent: text.text }));
    line.onclick = () => player.seek(text.start_seconds);
    list.append(make("li", {}, line));
    return line;
  });
  let current = null;
  player.onTime((seconds) => {
    const place = texts.findLastIndex((text) => text.start_seconds <= seconds && seconds < text.end_seconds);
    const line = lines[place] ?? null;
    if (line === current) return;
    current?.removeAttribute("aria-current");
    current = line;
    if (!line) return;
    line.setAttribute("aria-current", "true");
    const { top, bottom } = list.getBoundingClientRect();
    const at = line.getBoundingClientRect();
    if (at.top < top || at.bottom > bottom) list.scrollTop += at.top - top - (bottom - top) / 3;
  });
  return list;
};
