// The text so far, the word suggestions, the corrected reading.

import { byId, setAttribute, setText } from "./dom.js";
import { t } from "./strings.js";

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
