// The handshapes that the model knows: beside the camera where there is room, and larger in the help.

import { byId, setAttribute, setStyle, setText } from "./dom.js";
import { labelName, t } from "./strings.js";

const lists = [...document.querySelectorAll(".signs")];
const sheet = byId("sheet");
// A tile is a little taller than wide: the label stands above the hand.
const TALL = 1.18;
const ALPHABET = [..."ABCDEFGHIJKLMNOPQRSTUVWXYZ"];

// What a model for letters says of a picture without a hand is no sign that anybody could show.
const NOTHING = "nothing";

const leftHand = document.querySelector("#left-hand input");

let signs = [];
let pictures = new Map();
let chosen = null;
let seen = { mirror: false, left: false };
let tiles = new Map();
let lit = null;

const tile = ({ label, picture }) => {
  const item = document.createElement("li");
  const word = labelName(label);
  item.dataset.kind = !picture ? "word" : word.length > 1 ? "named" : "picture";
  item.style.setProperty("--letters", Math.max(...word.split(" ").map((part) => part.length)));
  const name = document.createElement("b");
  name.textContent = word;
  item.append(name);
  if (picture) {
    const image = document.createElement("img");
    Object.assign(image, { src: picture, alt: t("sign.alt", { label: word }), draggable: false, decoding: "async" });
    item.append(image);
  }
  return item;
};

/** Choose the number of columns that makes the tiles largest in the room there is. */
const fit = () => {
  const list = lists[0];
  const { clientWidth: width, clientHeight: height } = list;
  const count = signs.length;
  if (!width || !height || !count) return;
  const side = (columns) => Math.min(width / columns, height / Math.ceil(count / columns) / TALL);
  const columns = Array.from({ length: count }, (_, n) => n + 1).reduce((a, b) => (side(b) > side(a) ? b : a));
  setStyle(list, "--columns", String(columns));
  setStyle(list, "--tile", `${Math.floor(side(columns) - 1)}px`);
};

new ResizeObserver(fit).observe(sheet);

/** The letters that a model for letters does not know, so that nobody tries them. */
const missing = () => {
  const known = ALPHABET.filter((letter) => tiles.has(letter));
  return known.length > ALPHABET.length / 2 ? ALPHABET.filter((letter) => !tiles.has(letter)).join(" ") : "";
};

/** Redraw the sheets for another bundle or another language. */
export const drawSheets = (known) => {
  signs = known.filter(({ label }) => label !== NOTHING);
  pictures = new Map(signs.map(({ label, picture }) => [label, picture]));
  tiles = new Map(signs.map(({ label }) => [label, []]));
  lit = null;
  for (const list of lists) {
    const drawn = signs.map((sign) => {
      const item = tile(sign);
      tiles.get(sign.label).push(item);
      return item;
    });
    list.replaceChildren(...drawn);
  }
  const letters = missing();
  for (const node of document.querySelectorAll(".missing")) {
    setText(node, letters && t("sheet.missing", { letters }));
    setAttribute(node, "hidden", !letters);
  }
  fit();
};

/** The drawing of a sign's handshape, if there is one. */
export const pictureOf = (label) => pictures.get(label) ?? null;

/** What a word can be spelled with. */
export const spellable = () => signs.filter(({ label }) => [...label].length === 1);

/** The drawings are seen as the camera sees a right hand: a mirror turns them round, and so does a left hand. */
const turn = () => {
  const left = chosen ?? seen.left;
  setAttribute(document.body, "data-turned", seen.mirror !== left);
  if (leftHand.checked !== left) leftHand.checked = left;
};

export const handSide = (mirror, left) => {
  seen = { mirror, left };
  turn();
};

/** Which hand the drawings show from now on, whichever the visitor raises; null: the one that is raised. */
export const chooseHand = (left) => {
  chosen = left;
  turn();
};

leftHand.addEventListener("change", () => chooseHand(leftHand.checked));

/** Highlight the handshape being read. */
export const sheetState = (label) => {
  if (label === lit) return;
  for (const item of tiles.get(lit) ?? []) setAttribute(item, "aria-current", null);
  for (const item of tiles.get(label) ?? []) setAttribute(item, "aria-current", "true");
  lit = label;
};
