// All visible text, from languages.json. HTML names its strings by data-text (content) and data-label (aria-label).

import { setAttribute, setText } from "./dom.js";

const LIMIT_MS = 5_000;
const RETRY_MS = 1_000;

let languages = {};
let current = "en";
let asked = new URLSearchParams(location.search).get("lang");
let chosen = null;
let served = "en";

/** Again and again: a server that is full refuses for a moment, and a page without words would stay so for weeks. */
export const loadStrings = async () => {
  while (Object.keys(languages).length === 0) {
    try {
      const answer = await fetch("/static/languages.json", { signal: AbortSignal.timeout(LIMIT_MS) });
      if (answer.ok) languages = await answer.json();
    } catch {
      // No answer, or half of one.
    }
    if (Object.keys(languages).length === 0) await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
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

/** Whether somebody at this page chose a language, which goes with them. */
export const isLanguageChosen = () => chosen !== null;

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
