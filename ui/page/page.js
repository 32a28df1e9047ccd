// What Gradio doesn't do by itself: searches when typing pauses, and opens a card large, a video at its moment.
// Words from files only ever become text here, never HTML.
"use strict";

(() => {
  const PAUSE_MILLISECONDS = 600;
  const query = () => document.querySelector("#vidi-query textarea");

  // -- searching when typing pauses, or a picture was added or removed -----------------------------------------

  let pause = 0;
  let asked = " "; // as before anything was typed

  let picturesShown = "";

  const pictures = () => [...document.querySelectorAll("#vidi-query img")].map((image) => image.src).join(" ");
  const state = () => `${pictures()} ${query()?.value.trim() ?? ""}`;

  const ask = () => {
    clearTimeout(pause);
    if (state() === asked) return;
    asked = state();
    document.querySelector("#vidi-query .submit-button")?.click();
  };

  const askSoon = () => {
    clearTimeout(pause);
    pause = setTimeout(ask, PAUSE_MILLISECONDS);
  };

  document.addEventListener("input", (event) => {
    if (event.target === query()) askSoon();
  });

  // Gradio tells no event of its own when a picture was uploaded or taken out: the page shows it.
  new MutationObserver(() => {
    const shown = pictures();
    if (shown === picturesShown) return;
    picturesShown = shown;
    askSoon();
  }).observe(document, { childList: true, subtree: true });

  // -- cards ---------------------------------------------------------------------------------------------------

  document.addEventListener("click", (event) => {
    const chip = event.target.closest(".vidi-chip");
    if (chip) {
      query().value = chip.textContent;
      query().dispatchEvent(new Event("input", { bubbles: true }));
    }
    const card = event.target.closest(".vidi-card");
    if (card) open(card);
  });

  document.addEventListener(
    "error",
    (event) => {
      if (event.target.matches?.(".vidi-frame img")) event.target.parentElement.classList.add("vidi-gone");
    },
    true,
  );

  // -- one item, large -----------------------------------------------------------------------------------------

  const make = (tag, properties = {}, ...children) => {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  };

  const still = (item, seconds) =>
    `/thumbnail/${item.asset}?size=1600${seconds === null ? "" : `&at=${seconds.toFixed(3)}`}`;

  const say = (stage, text) => {
    stage.querySelector("p")?.remove();
    stage.append(make("p", { textContent: text }));
  };

  const GONE = "This file is not where it was when it was indexed. Index its folder again.";

  // The picture itself; a rendition where the browser can't show its kind, such as TIFF.
  const showPicture = (stage, item) => {
    const image = make("img", { alt: item.name, src: `/media/${item.asset}` });
    image.onerror = () => {
      image.onerror = () => {
        image.remove();
        say(stage, GONE);
      };
      image.src = still(item, null);
    };
    stage.append(image);
  };

  const isPicture = async (item) => {
    const told = await fetch(`/media/${item.asset}`, { method: "HEAD" }).catch(() => null);
    return told?.headers.get("content-type")?.startsWith("image/") ?? false;
  };

  // The video at its moment; where the browser can't play its kind, the frame of that moment.
  const showVideo = (stage, item, start) => {
    const video = make("video", { controls: true, playsInline: true, preload: "auto" });
    video.src = `/media/${item.asset}#t=${start}`;
    let seek = (seconds) => {
      video.currentTime = seconds;
      video.play().catch(() => {});
    };
    video.onloadedmetadata = () => {
      if (video.videoWidth === 0) return fall();
      if (Math.abs(video.currentTime - start) > 0.05) video.currentTime = start;
      video.play().catch(() => {}); // where the browser doesn't allow it, it waits at the moment
    };
    const fall = async () => {
      video.onerror = null;
      const image = make("img", { alt: item.name });
      video.replaceWith(image);
      seek = (seconds) => (image.src = still(item, seconds));
      image.onerror = () => {
        image.remove();
        say(stage, GONE);
      };
      if (await isPicture(item)) {
        image.src = `/media/${item.asset}`; // animated, it plays by itself; its moments are stills
        return;
      }
      image.onload = () => say(stage, "This browser can't play this kind of video. This is its frame at the moment.");
      seek(start);
    };
    video.onerror = fall;
    stage.append(video);
    return (seconds) => seek(seconds);
  };

  const times = (item, seek) => {
    const row = make("div", { className: "vidi-times", role: "group", ariaLabel: "Moments that fit" });
    item.moments.forEach((moment, index) => {
      const button = make("button", { type: "button", textContent: moment.label, title: `${moment.chance} that it fits` });
      button.setAttribute("aria-current", String(index === 0));
      button.onclick = () => {
        for (const other of row.children) other.setAttribute("aria-current", String(other === button));
        seek(moment.start);
      };
      row.append(button);
    });
    return row;
  };

  const open = (card) => {
    const item = JSON.parse(card.dataset.item);
    const cards = [...document.querySelectorAll(".vidi-card")];
    const place = cards.indexOf(card);
    const stage = make("div", { className: "vidi-stage" });
    const viewer = make("dialog", { className: "vidi-viewer", ariaLabel: item.name });

    const close = () => viewer.close();
    const go = (step) => {
      const other = cards[place + step];
      if (!other) return;
      close();
      open(other);
    };
    const button = (text, label, onclick, disabled = false) =>
      make("button", { type: "button", textContent: text, ariaLabel: label, title: label, onclick, disabled });

    const heading = make(
      "div",
      { className: "vidi-heading" },
      make("h2", { textContent: item.name, title: item.name }),
      make("span", { textContent: item.chance, title: "the chance that it fits" }),
      button("‹", "Previous", () => go(-1), place === 0),
      button("›", "Next", () => go(1), place === cards.length - 1),
      button("Close", "Close", close),
    );
    const about = make("div", { className: "vidi-about" }, heading);
    viewer.append(stage, about);

    if (item.video) {
      const seek = showVideo(stage, item, item.moments[0]?.start ?? 0);
      if (item.moments.length) about.append(times(item, seek));
    } else {
      showPicture(stage, item);
    }
    about.append(make("p", { className: "vidi-where", textContent: item.path }));
    for (const copy of item.copies) {
      about.append(make("p", { className: "vidi-where", textContent: `also ${copy}` }));
    }

    viewer.addEventListener("click", (event) => {
      if (event.target === viewer) close();
    });
    viewer.addEventListener("keydown", (event) => {
      if (event.target.tagName === "VIDEO") return; // its own keys
      if (event.key === "ArrowLeft") go(-1);
      if (event.key === "ArrowRight") go(1);
    });
    viewer.addEventListener("close", () => {
      viewer.querySelector("video")?.removeAttribute("src");
      viewer.querySelector("video")?.load(); // stops the download too
      viewer.remove();
      card.focus();
    });
    document.body.append(viewer);
    viewer.showModal();
  };
})();
