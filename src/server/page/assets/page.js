// Refreshes what moves: the parts of a page that name where they come from. Pages are complete without it.
"use strict";

const EVERY = 5000;

// Where the keyboard is, nothing is exchanged under it.
const holdsFocus = (part) => part.contains(document.activeElement);

async function refresh(part) {
  if (document.hidden || holdsFocus(part)) return;
  try {
    const answer = await fetch(part.dataset.live, { credentials: "same-origin", cache: "no-store" });
    if (!answer.ok || holdsFocus(part)) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    part.replaceChildren(...fresh.body.childNodes);
    part.classList.remove("old");
  } catch {
    part.classList.add("old");
  }
}

function keep(part) {
  const again = async () => {
    await refresh(part);
    setTimeout(again, EVERY);
  };
  setTimeout(again, EVERY);
  document.addEventListener("visibilitychange", () => refresh(part));
}

document.querySelectorAll("[data-live]").forEach(keep);
