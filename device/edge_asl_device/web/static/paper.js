// The text so far, the word suggestions, the corrected reading.

import { byId, setAttribute, setText } from "./dom.js";
import { labelName, t } from "./strings.js";

// Longer text would not fit anyway; its end is what matters, and layout stays cheap.
const SHOWN = 500;
// The longest text at each size, in letters: the widest (W) of the largest still fit on one line.
const LENGTHS = { huge: 9, large: 26, medium: 60, small: Infinity };

const text = byId("text");
const suggestions = [...document.querySelectorAll(".suggestion")];

const end = (whole) => (whole.length > SHOWN ? `…${whole.slice(-SHOWN)}` : whole);

const showWritten = (whole, word) => {
  const unfinished = word && whole.endsWith(word) ? word : "";
  setText(byId("done"), end(whole.slice(0, whole.length - unfinished.length)));
  setText(byId("word"), end(unfinished));
  setAttribute(byId("placeholder"), "hidden", whole !== "");
  setAttribute(text, "data-length", Object.keys(LENGTHS).find((name) => whole.length <= LENGTHS[name]));
};

// Three words share one row: the longer they are together, the smaller they are set; a third that is too long is left
// out.
const fitting = (words) => {
  const three = words.slice(0, suggestions.length);
  const length = three.join("").length;
  if (length > 36) three.pop();
  setAttribute(byId("suggestions"), "data-size", length <= 16 ? "large" : length <= 24 ? "medium" : "small");
  return three;
};

const showSuggestions = (all, unfinished) => {
  const words = fitting(all);
  suggestions.forEach((button, place) => {
    const word = words[place];
    setAttribute(button, "hidden", !word);
    if (!word) return;
    setText(button, word);
    setAttribute(button, "data-for", unfinished);
    setAttribute(button, "aria-label", t("suggestions.choose", { word }));
  });
};

export const suggestionButtons = suggestions;

export const paperState = (live, state) => {
  showWritten(state?.text ?? "", state?.word ?? "");
  showSuggestions(live ? state.suggestions : [], state?.word ?? "");
  setAttribute(byId("promise"), "data-shown", !state?.text && !state?.suggestions.length);
  const corrected = state?.corrected ?? "";
  setAttribute(byId("corrected"), "data-shown", Boolean(corrected));
  setText(byId("corrected-text"), corrected);
};

/** The progress of a capture, shown in place of the text. */
export const captureState = (mode, state) => {
  const capture = mode === "capture" ? state?.capture : null;
  setAttribute(byId("capture-banner"), "hidden", mode !== "capture");
  setAttribute(byId("capture"), "hidden", mode !== "capture");
  if (!capture) return;
  const label = labelName(capture.label);
  const seconds = Math.ceil(capture.next_in_s ?? 0);
  const key = capture.phase === "get-ready" && seconds > 0 ? "capture.get-ready-in" : `capture.${capture.phase}`;
  setAttribute(byId("capture"), "data-phase", capture.phase);
  setText(byId("capture-phase"), t(key, { label, seconds }));
  setText(byId("capture-who"), t("capture.who", { person: capture.person, label, sign: capture.sign, signs: capture.signs }));
  setText(byId("capture-count"), t("capture.count", { stored: capture.stored, wanted: capture.wanted }));
  const share = capture.wanted ? Math.min(1, capture.stored / capture.wanted) : 0;
  document.querySelector("#capture-bar i").style.transform = `scaleX(${share.toFixed(3)})`;
};
