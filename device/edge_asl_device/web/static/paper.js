// The text so far, the word suggestions, the corrected reading.

import { byId, setAttribute, setText } from "./dom.js";
import { t } from "./strings.js";

// Longer text would not fit anyway; its end is what matters, and layout stays cheap.
const SHOWN = 500;
// The longest text at each size, in letters: the widest (W) of the largest still fit on one line.
const LENGTHS = { huge: 9, large: 26, medium: 60, small: Infinity };

const SIZES = ["large", "medium", "small"];

const text = byId("text");
const suggestions = [...document.querySelectorAll(".suggestion")];

let words = [];

const end = (whole) => (whole.length > SHOWN ? `…${whole.slice(-SHOWN)}` : whole);

const showWritten = (whole, word) => {
  const unfinished = word && whole.endsWith(word) ? word : "";
  setText(byId("done"), end(whole.slice(0, whole.length - unfinished.length)));
  setText(byId("word"), end(unfinished));
  setAttribute(byId("placeholder"), "hidden", whole !== "");
  setAttribute(text, "data-length", Object.keys(LENGTHS).find((name) => whole.length <= LENGTHS[name]));
};

const isCut = () => suggestions.some((button) => button.scrollWidth > button.clientWidth);

/** Three words share one row with buttons that other languages name at length: as large as none of them is cut, and a
 * third that fits at no size is left out. */
const fitSuggestions = () => {
  suggestions.forEach((button, place) => setAttribute(button, "hidden", !words[place]));
  SIZES.find((size) => {
    setAttribute(byId("suggestions"), "data-size", size);
    return !isCut();
  });
  if (isCut()) setAttribute(suggestions.at(-1), "hidden", true);
};

new ResizeObserver(fitSuggestions).observe(byId("suggestions"));

const showSuggestions = (all, unfinished) => {
  const before = words.join();
  words = all.slice(0, suggestions.length);
  suggestions.forEach((button, place) => {
    const word = words[place];
    if (!word) return;
    setText(button, word);
    setAttribute(button, "data-for", unfinished);
    setAttribute(button, "aria-label", t("suggestions.choose", { word }));
  });
  if (words.join() !== before) fitSuggestions();
};

/** From the first word on that is not as it was read. */
const changed = (corrected, whole) => {
  const was = whole.split(" ");
  const words = corrected.split(" ");
  const first = words.findIndex((word, place) => word !== was[place]);
  return first > 0 ? `… ${words.slice(first).join(" ")}` : corrected;
};

export const suggestionButtons = suggestions;

export const paperState = (live, state) => {
  showWritten(state?.text ?? "", state?.word ?? "");
  showSuggestions(live ? state.suggestions : [], state?.word ?? "");
  setAttribute(byId("promise"), "data-shown", !state?.text && !state?.suggestions.length);
  const corrected = state?.corrected ?? "";
  setAttribute(byId("corrected"), "data-shown", Boolean(corrected));
  setText(byId("corrected-text"), changed(corrected, state?.text ?? ""));
};
