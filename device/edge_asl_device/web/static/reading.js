// The current letter: how long it has been held (ring), how sure the model is (text and bar).

import { animate, byId, setAttribute, setStyle, setText } from "./dom.js";
import { pictureOf } from "./sheet.js";
import { labelName, percent, t } from "./strings.js";
import { tell } from "./told.js";

const SURENESS = [0, 0.5, 0.7, 0.85, 0.95];

const panel = byId("reading");
const letter = byId("letter");
const guess = byId("guess");
const ring = document.querySelector("#ring .fill");
const bar = document.querySelector("#bar i");

let taken = null;

// Once a letter is accepted, its probability no longer matters: the hand may let go.
const sureness = (reading, wrong) => {
  if (reading?.held >= 1 && !wrong) return "taken";
  return SURENESS.findLastIndex((from) => (reading?.probability ?? 0) >= from);
};

const showLabel = (node, label, after = "") => {
  const word = labelName(label);
  setText(node, word + after);
  setAttribute(node, "data-length", word.length <= 1 ? "one" : word.length <= 5 ? "short" : "long");
};

// The circle's length is 100 (pathLength); the dash is 101, so that a full ring shows no seam.
const fillRing = (share) => setStyle(ring, "stroke-dashoffset", String(Math.round(101 - 101 * share)));

/** A hand that is held open is no letter but a button: nobody is told to show it more clearly while its ring fills. */
const doubtOf = ({ doubt, open_hand }) => (doubt?.reason === "unsure" && open_hand > 0 ? null : doubt);

// Between two letters there is a moment without one ("hand"): the last stays, faded by the style sheet, so that
// nothing flickers. A longer one is a doubt, and the page says which.
const phaseOf = (live, state, attracts) => {
  if (!live) return "out";
  if (state.letter) return "letter";
  return doubtOf(state)?.reason ?? (state.scene === "hand" ? "hand" : attracts ? "attract" : "idle");
};

/** Whether the letter in front is another one than practice asks for: it is read, but nothing to be praised for. */
export const isWrong = (state) => Boolean(state?.letter) && state.practice?.taken_for === state.letter.label;

export const readingState = (live, state, attracts) => {
  const reading = live ? state.letter : null;
  const wrong = live && isWrong(state);
  const phase = phaseOf(live, state, attracts);
  setAttribute(panel, "data-phase", phase);
  showDoubt(phase, live ? doubtOf(state) : null);
  tell(phase);
  setAttribute(panel, "data-wrong", wrong);
  setAttribute(panel, "data-full", Boolean(reading && reading.held >= 1 && !wrong));
  if (reading) showLabel(letter, reading.label);
  fillRing(reading?.held ?? 0);
  setStyle(bar, "transform", `scaleX(${(reading?.probability ?? 0).toFixed(2)})`);
  setText(byId("sureness"), t(`sure.${sureness(reading, wrong)}`));
  setText(byId("percent"), reading ? percent(reading.probability) : "");
  if (live) celebrate(state.accepted, wrong);
};

const showDoubt = (phase, doubt) => {
  const shown = doubt?.reason === phase ? doubt : null;
  setAttribute(panel, "data-doubt", shown?.reason ?? null);
  if (!shown) return;
  setText(byId("doubt"), t(`doubt.${phase}`));
  if (phase !== "unsure") setAttribute(byId("hint-picture"), "href", `#h-${phase}`);
  showLabel(guess, shown.guess ?? "", "?");
};

/** A letter was accepted: announce it once to screen readers and show it by a short swell. */
const celebrate = (accepted, wrong) => {
  const number = accepted?.number ?? 0;
  const before = taken;
  taken = number;
  if (before === null || number <= before) return;
  byId("said").textContent = labelName(accepted.label);
  if (!wrong) animate(letter, [{ scale: 1 }, { scale: 1.12 }, { scale: 1 }], 320);
};

/** While capturing: the sign to show, and how; the ring is the share of its pictures stored so far. */
export const readingCapture = ({ label, stored, wanted, phase }) => {
  const picture = pictureOf(label);
  setAttribute(panel, "data-phase", "capture");
  setAttribute(panel, "data-pictured", picture !== null);
  if (picture) setAttribute(byId("capture-picture"), "src", picture);
  setAttribute(byId("capture-picture"), "alt", picture ? t("sign.alt", { label: labelName(label) }) : "");
  setAttribute(panel, "data-full", phase === "done");
  showLabel(letter, label);
  fillRing(wanted ? Math.min(1, stored / wanted) : 0);
};

/** Another run of the program numbers its letters from the start. */
export const readingHello = () => {
  taken = null;
};
