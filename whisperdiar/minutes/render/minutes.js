"use strict";
(() => {
  // Every link that plays evidence plays it in one player, which stays in sight. Without a script, or where the
  // browser cannot play the recording, the links open it as links do.
  const bar = document.getElementById("player");
  const media = bar.querySelector("audio, video");
  const now = bar.querySelector("output");
  const links = [...document.querySelectorAll("a.play")];
  let end = Infinity;
  let current = null;

  const mark = (link) => {
    current?.removeAttribute("aria-current");
    link?.setAttribute("aria-current", "true");
    current = link;
  };

  const close = () => {
    media.pause();
    mark(null);
    bar.hidden = true;
    document.body.classList.remove("playing");
  };

  const play = (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey || media.error) return;
    event.preventDefault();
    const link = event.currentTarget;
    const [start, stop] = link.hash.slice(3).split(",").map(Number);
    bar.hidden = false;
    document.body.classList.add("playing");
    end = stop > start ? stop : Infinity;
    media.currentTime = start;
    now.textContent = link.dataset.said || link.textContent.replace("▶", "").trim();
    mark(link);
    media.play().catch(() => {});
  };

  media.addEventListener("timeupdate", () => {
    if (media.currentTime < end || media.seeking) return;
    media.pause();
    end = Infinity; // who presses play now hears on
  });
  media.addEventListener("error", () => {
    const wanted = current;
    close();
    if (wanted) window.open(wanted.href, "_blank", "noopener");
  });
  bar.querySelector("button").addEventListener("click", close);
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !bar.hidden) close();
  });
  for (const link of links) link.addEventListener("click", play);
})();
