// Practice: a word is shown in place of the text, its next sign is lit, and what the hand shows is judged as it comes.

import { pressed, send } from "./actions.js";
import { animate, byId, setAttribute, setStyle, setText } from "./dom.js";
import { pictureOf, spellable } from "./sheet.js";
import { hasString, labelName, language, t } from "./strings.js";

const LONGEST = 12;

const spelling = byId("spelling");
const own = byId("own");
const keys = byId("own-keys");
const openHandRing = document.querySelector("#open-hand .fill");

let shown = "";
let at = 0;
let typed = [];

const letterOf = (sign, place, { at, skipped }) => {
  const item = document.createElement("li");
  item.textContent = labelName(sign);
  item.dataset.is = skipped.includes(place) ? "skipped" : place < at ? "done" : place === at ? "next" : "ahead";
  if (place === at) item.setAttribute("aria-current", "step");
  return item;
};

const drawWord = (practice) => {
  const now = JSON.stringify([practice.signs, practice.at, practice.skipped]);
  if (now === shown) return;
  shown = now;
  spelling.replaceChildren(...practice.signs.map((sign, place) => letterOf(sign, place, practice)));
  setStyle(spelling, "--letters", String(practice.signs.map(labelName).join("").length));
  if (practice.at === at + 1) animate(spelling.children[at], [{ scale: 1 }, { scale: 1.3 }, { scale: 1 }], 320);
  at = practice.at;
};

const formOf = (label) =>
  hasString(`form.${label}`) ? t(`form.${label}`) : t("practice.show", { label: labelName(label) });

/** What was left out is pictured, and said. */
const nearly = (label) => t("practice.nearly", { label: labelName(label), form: formOf(label) });

/** One line of help: what went wrong, else what to do. */
const advice = ({ signs, at, skipped, from_memory, taken_for, once_more, may_skip }) => {
  const label = signs[at];
  const hidden = from_memory && !may_skip;
  if (label === undefined) return skipped.length ? nearly(signs[skipped[0]]) : t("practice.done");
  const name = labelName(label);
  const form = formOf(label);
  if (once_more) return t("practice.once-more", { label: name });
  if (taken_for) return t("practice.taken-for", { taken: labelName(taken_for), form: hidden ? "" : form }).trim();
  return hidden ? t("practice.from-memory") : form;
};

/** From memory the picture only comes to whoever has tried for long; a word that is over shows what was left out of it. */
const drawShape = ({ signs, at, skipped, from_memory, may_skip }) => {
  const label = signs[at] ?? signs[skipped[0]];
  const hidden = from_memory && !may_skip && at < signs.length;
  const picture = label === undefined || hidden ? null : pictureOf(label);
  setAttribute(byId("shape"), "data-shows", label === undefined ? "done" : picture ? "picture" : "name");
  if (picture) setAttribute(byId("shape-picture"), "src", picture);
  setAttribute(byId("shape-picture"), "alt", picture ? t("sign.alt", { label: labelName(label) }) : "");
  setText(byId("shape-name"), label === undefined ? "" : labelName(label));
};

export const practiceState = (live, state) => {
  const practice = live ? (state.practice ?? null) : null;
  setAttribute(document.body, "data-practice", practice !== null);
  setAttribute(document.body, "data-memory", Boolean(practice?.from_memory) && practice.at < practice.signs.length);
  setAttribute(byId("practice"), "hidden", practice === null);
  setAttribute(byId("practise"), "hidden", practice !== null || document.body.dataset.mode !== "read");
  setAttribute(byId("practise"), "disabled", !live);
  drawOpenHand(live ? state.open_hand : 0, practice !== null);
  if (practice === null) return;
  const done = practice.at >= practice.signs.length;
  drawWord(practice);
  drawShape(practice);
  setText(byId("coach"), advice(practice));
  setAttribute(byId("coach"), "data-wrong", Boolean(practice.taken_for) && !done);
  setAttribute(byId("skip"), "hidden", !practice.may_skip);
  for (const id of ["again", "next-word"]) setAttribute(byId(id), "hidden", !done);
  setAttribute(byId("open-own"), "hidden", done || practice.may_skip);
};

/** An open hand is a button that needs no touch: a ring fills while it is held. */
const drawOpenHand = (held, practising) => {
  setAttribute(byId("open-hand"), "data-shown", held > 0.12);
  setStyle(openHandRing, "stroke-dashoffset", String(Math.round(101 - 101 * held)));
  setText(byId("open-hand-text"), t(practising ? "practice.stop" : "practice.start"));
};

const act = (name, more = {}) => send("practice", { do: name, ...more });
for (const [id, name] of [["skip", "skip"], ["again", "again"], ["next-word", "next"], ["stop", "stop"], ["practise", "start"]]) {
  pressed(byId(id), () => act(name));
}

// A word of one's own: tapped on the drawn hands, or typed.

const drawTyped = () => {
  setText(byId("own-word"), typed.map(labelName).join(""));
  setAttribute(byId("own-placeholder"), "hidden", typed.length > 0);
  for (const id of ["own-start", "own-delete"]) setAttribute(byId(id), "disabled", typed.length === 0);
  const full = typed.length === LONGEST;
  if (full && keys.contains(document.activeElement)) byId("own-start").focus();
  for (const button of keys.children) setAttribute(button, "disabled", full);
};

// The hand has no accents, and spells a German umlaut with two letters, as the word lists do.
const UMLAUTS = { Ä: "AE", Ö: "OE", Ü: "UE" };
const ACCENTS = /\p{M}/gu;

/** What a key that was pressed is spelled with; nothing, if a part of it cannot be read. */
const signsOf = (key) => {
  if ([...key].length > 1) return []; // "Shift", "Tab"
  const letter = key.toUpperCase(); // of ß it is SS
  const umlaut = language() === "de" && UMLAUTS[letter];
  const signs = [...(umlaut || letter.normalize("NFD").replace(ACCENTS, ""))];
  return signs.every((label) => spellable().some((sign) => sign.label === label)) ? signs : [];
};

const type = (label) => {
  if (typed.length < LONGEST) typed.push(label);
  drawTyped();
};

const key = ({ label, picture }) => {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = label;
  if (picture) {
    const image = document.createElement("img");
    Object.assign(image, { src: picture, alt: "", draggable: false, decoding: "async" });
    button.append(image);
  }
  button.addEventListener("click", () => type(label));
  return button;
};

const closeOwn = () => own.open && own.close();

pressed(byId("open-own"), () => {
  typed = [];
  drawTyped();
  keys.replaceChildren(...spellable().map(key));
  own.showModal();
});
pressed(byId("own-delete"), () => {
  typed.pop();
  drawTyped();
});
pressed(byId("own-close"), closeOwn);
const start = () => {
  if (typed.length === 0) return;
  act("start", { word: typed.join("") });
  closeOwn();
};
pressed(byId("own-start"), start);
own.addEventListener("click", (event) => event.target === own && closeOwn());
own.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  const labels = signsOf(event.key);
  if (event.key === "Backspace") byId("own-delete").click();
  else if (event.key === "Enter" && (event.target.id === "own-start" || event.target.tagName !== "BUTTON")) start();
  else if (labels.length > 0) labels.forEach(type);
  else return;
  event.preventDefault();
});
