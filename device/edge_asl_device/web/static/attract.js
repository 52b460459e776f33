// Nobody there for a while: drawn hands spell a word, over and over, until somebody comes.

import { byId, setAttribute, setText } from "./dom.js";
import { pictureOf } from "./sheet.js";
import { t } from "./strings.js";

const LETTER_MS = 1_300;
/** In letters, between the end of the word and its next beginning. */
const REST = 2;

const still = matchMedia("(prefers-reduced-motion: reduce)");

let alone = null;
let word = "";

const draw = (elapsed) => {
  const place = Math.floor(elapsed / LETTER_MS) % (word.length + REST);
  const letter = word[Math.min(place, word.length - 1)];
  setAttribute(byId("attract-picture"), "src", pictureOf(letter));
  setText(byId("attract-done"), word.slice(0, place));
  setText(byId("attract-now"), word.slice(place, place + 1));
  setText(byId("attract-ahead"), word.slice(place + 1));
  setText(byId("attract-text"), t("attract.text", { word }));
  return word.slice(0, place);
};

/** Whether it is shown instead of the invitation. */
export const attractState = (live, state, hello) => {
  const now = performance.now();
  const away = live && state.camera.state === "live" && !state.visit.here && hello?.attract_after_s > 0;
  alone = away ? (alone ?? now) : null;
  word = t("attract.word");
  const elapsed = alone === null ? -1 : now - alone - hello.attract_after_s * 1000;
  const shown = elapsed >= 0 && !still.matches && [...word].every(pictureOf);
  const written = shown ? draw(elapsed) : "";
  setText(byId("example"), state?.text ? "" : written); // where their own text will be
  return shown;
};
