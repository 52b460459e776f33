// What visitors do with buttons and keys, sent to the server.

import { byId, setAttribute, setIcon, setText } from "./dom.js";
import { toast } from "./notices.js";
import { suggestionButtons } from "./paper.js";
import { chooseLanguage, nextLanguage, t } from "./strings.js";

// After so long without a touch or a hand, the page resets for the next visitor.
const LEFT_MS = 90_000;
const LIMIT_MS = 4_000;

const help = byId("help");
const clear = byId("clear");
const undo = byId("undo");
const speak = byId("speak");
const mute = byId("mute");

let muted = false;
let cleared = false;
let singleKeys = true;
let left = 0;
let lastSeen = 0;
let setLanguage = () => {};

const post = async (path, body = {}) => {
  const limit = AbortSignal.timeout(LIMIT_MS);
  const headers = { "Content-Type": "application/json" };
  try {
    const answer = await fetch(`/api/${path}`, { method: "POST", headers, body: JSON.stringify(body), signal: limit });
    if (answer.ok) return;
    if (answer.status === 401) toast(t("link.token"));
    else toast(t("action.failed", { error: (await answer.json().catch(() => ({}))).error ?? answer.status }));
  } catch {
    toast(t("link.connecting"));
  }
};

const choose = (button) => {
  // The server ignores the choice if the word has grown or ended in the meantime.
  if (!button.hidden) post("choose", { word: button.textContent, instead_of: button.dataset.for });
};

const toggleHelp = (open) => {
  if (open && !help.open) {
    help.showModal();
    byId("help-body").scrollTop = 0;
  } else if (!open && help.open) help.close();
};

const press = (button, act) => button.addEventListener("click", act);

press(clear, () => {
  cleared = true;
  post("clear");
});
press(undo, () => post("undo"));
press(speak, () => post("speak"));
press(mute, () => post("mute", { muted: !muted }));
press(byId("open-help"), () => toggleHelp(true));
press(byId("close-help"), () => toggleHelp(false));
press(byId("language"), () => setLanguage(nextLanguage().code));
for (const button of suggestionButtons) press(button, () => choose(button));
// A tap outside the help closes it.
help.addEventListener("click", (event) => event.target === help && toggleHelp(false));

const KEYS = {
  s: () => speak.click(),
  m: () => mute.click(),
  "?": () => toggleHelp(!help.open),
  1: () => choose(suggestionButtons[0]),
  2: () => choose(suggestionButtons[1]),
  3: () => choose(suggestionButtons[2]),
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || event.repeat || document.body.dataset.mode !== "read") return;
  if (help.open) return; // Esc closes the help; nothing else may happen behind it
  if (event.key === "Escape") clear.click();
  else if (event.key === "Backspace") undo.click();
  else if (singleKeys) KEYS[event.key.toLowerCase()]?.();
});

// WCAG 2.1.4: single-key shortcuts can be turned off, for people who dictate or hit keys by accident.
const single = document.querySelector("#single-keys input");
single.addEventListener("change", () => {
  singleKeys = single.checked;
});

// A public screen, not a desk: no context menu.
document.addEventListener("contextmenu", (event) => event.preventDefault());

/** A visitor is here. */
export const present = () => {
  const now = performance.now();
  if (left && now - lastSeen < 1_000) return;
  lastSeen = now;
  clearTimeout(left);
  left = setTimeout(() => {
    toggleHelp(false);
    cleared = false;
    single.checked = singleKeys = true;
    setLanguage(null);
  }, LEFT_MS);
};
document.addEventListener("pointerdown", present);
document.addEventListener("keydown", present);

/** `act` is called after every change of language, including the reset once the visitor has left. */
export const onLanguage = (act) => {
  setLanguage = (code) => {
    chooseLanguage(code);
    act();
  };
};

export const actionsState = (live, state) => {
  const voice = state?.voice ?? "absent";
  muted = voice === "muted";
  const text = state?.text ?? "";
  setAttribute(speak, "hidden", voice === "absent");
  setAttribute(mute, "hidden", voice === "absent");
  setAttribute(speak, "disabled", !live || muted || text.trim() === "");
  setAttribute(speak, "data-speaking", voice === "speaking");
  setText(byId("speak-label"), t(voice === "speaking" ? "action.speaking" : "action.speak"));
  setAttribute(clear, "disabled", !live || text === "");
  // Empty text can be restored only if it was cleared on this page, by this visitor.
  setAttribute(undo, "disabled", !live || (text === "" && !cleared));
  setAttribute(mute, "disabled", !live);
  setAttribute(mute, "data-muted", String(muted));
  setIcon(byId("mute-icon"), muted ? "mute" : "speak");
  setText(byId("mute-label"), t(muted ? "tool.voice-off" : "tool.voice-on"));
};
