"use strict";

// Draws the rows anew every few seconds, unless somebody is about to press a button there.
const live = document.getElementById("live");
const kept = "sandbox-live";

async function refresh() {
  const rows = document.getElementById("rows");
  const isBusy = rows.matches(":hover") || rows.contains(document.activeElement);
  if (!live.checked || document.hidden || isBusy) return;
  const answer = await fetch(location.href, { cache: "no-store" });
  if (!answer.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const place of ["#rows", ".clock"]) {
    const [here, there] = [document, page].map((one) => one.querySelector(place));
    if (here.innerHTML !== there.innerHTML) here.innerHTML = there.innerHTML;
  }
}

if (live) {
  live.checked = localStorage.getItem(kept) !== "off";
  live.addEventListener("change", () => localStorage.setItem(kept, live.checked ? "on" : "off"));
  setInterval(() => refresh().catch(() => undefined), 3000);
}
