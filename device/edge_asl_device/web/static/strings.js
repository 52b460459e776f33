// All visible text, from languages.json. HTML names its strings by data-text (content) and data-label (aria-label).

import { setAttribute, setText } from "./dom.js";

let languages = {};
let current = "en";
let asked = new URLSearchParams(location.search).get("lang");
let chosen = null;
let served = "en";

export const loadStrings = async () => {
  const answer = await fetch("/static/languages.json");
  languages = await answer.json();
  apply();
};

/** The string `key` with `{name}` replaced; the key itself where it is missing, which a test forbids. */
export const t = (key, values = {}) => {
  const text = languages[current]?.[key] ?? languages.en?.[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
};

let held = "square";

/** Where the hand is to be held: in the `square`, or `anywhere` in the picture. */
export const guide = () => held;
export const setGuide = (said) => {
  held = said ?? held;
};

export const hasString = (key) => Boolean(languages.en?.[key]);
export const language = () => current;

/** The language that the button switches to: the next in the file. */
export const nextLanguage = () => {
  const all = Object.keys(languages);
  const code = all[(all.indexOf(current) + 1) % all.length];
  return { code, name: languages[code]?.name ?? code };
};

export const setServedLanguage = (code) => {
  served = code;
  apply();
};

export const chooseLanguage = (code) => {
  chosen = code;
  apply();
};

const apply = () => {
  current = [chosen, asked, served, "en"].find((code) => code && languages[code]) ?? "en";
  setAttribute(document.documentElement, "lang", current);
  for (const node of document.querySelectorAll("[data-text]")) setText(node, t(node.dataset.text));
  for (const node of document.querySelectorAll("[data-label]")) setAttribute(node, "aria-label", t(node.dataset.label));
  document.title = t("title");
};

const percents = new Map();

export const percent = (share) => {
  if (!percents.has(current)) percents.set(current, new Intl.NumberFormat(current, { style: "percent" }));
  return percents.get(current).format(share);
};

/** What a visitor calls a label: a letter is itself; `space`, `del` and `nothing` have names. */
export const labelName = (label) => (hasString(`sign.${label}`) ? t(`sign.${label}`) : label);
