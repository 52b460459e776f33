// What a screen reader says besides the letters: that a hand is missing, or is seen but cannot be read. Only what has
// lasted for a while, and never soon after the last time: whoever spells must not be talked over.

import { byId } from "./dom.js";
import { guide, t } from "./strings.js";

const HINTS = ["unsure", "dark", "cut-off", "far", "two-hands"];
const LASTING_MS = { idle: 3_000, ...Object.fromEntries(HINTS.map((hint) => [hint, 2_500])) };
const QUIET_MS = 12_000;

let current = null;
let timer = 0;
let last = -QUIET_MS;

const say = (phase) => {
  const quiet = QUIET_MS - (performance.now() - last);
  if (quiet > 0) {
    timer = setTimeout(() => say(phase), quiet);
    return;
  }
  last = performance.now();
  byId("told").textContent = t(phase === "idle" ? `invitation.${guide()}` : `told.${phase}`);
};

/** What the page shows where the letter is read; told when it lasts. */
export const tell = (phase) => {
  if (phase === current) return;
  current = phase;
  clearTimeout(timer);
  if (phase in LASTING_MS) timer = setTimeout(() => say(phase), LASTING_MS[phase]);
};
