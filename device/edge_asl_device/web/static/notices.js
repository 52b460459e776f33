// Short messages over the page, for whoever has pressed a button. What staff should know is in the help, with a badge
// at its button: no visitor has to read it.

import { byId, setAttribute } from "./dom.js";
import { hasString, t } from "./strings.js";

const SHOWN_MS = 12_000;
const MOST = 3;

const toasts = byId("toasts");
let known = "[]";

const line = (notice) => {
  const item = document.createElement("li");
  item.textContent = noticeText(notice);
  return item;
};

const noticeText = ({ kind, text }) => {
  const title = hasString(`notice.${kind}`) ? t(`notice.${kind}`) : "";
  return [title, text].filter(Boolean).join(": ");
};

export const toast = (text) => {
  const note = document.createElement("p");
  note.textContent = text;
  toasts.append(note);
  while (toasts.childElementCount > MOST) toasts.firstElementChild.remove();
  setTimeout(() => note.remove(), SHOWN_MS);
};

/** The program's notices. */
export const noticesState = (notices) => {
  if (JSON.stringify(notices) !== known) drawNotices(notices);
};

/** The list in the help, also after a change of language. */
export const drawNotices = (notices) => {
  known = JSON.stringify(notices);
  byId("notices").replaceChildren(...notices.map(line));
  setAttribute(byId("badge"), "hidden", notices.length === 0);
};
