// What visitors do with buttons and keys, sent to the server.

import { byId, setAttribute, setIcon, setText } from "./dom.js";
import { toast } from "./notices.js";
import { suggestionButtons } from "./paper.js";
import { chooseHand } from "./sheet.js";
import { chooseLanguage, isLanguageChosen, nextLanguage, t } from "./strings.js";

// A touch is told at most so often.
const TOUCH_MS = 1_000;
const LIMIT_MS = 4_000;

const help = byId("help");
const clear = byId("clear");
const undo = byId("undo");
const speak = byId("speak");
const mute = byId("mute");

let muted = false;
let singleKeys = true;
let touched = -TOUCH_MS;
let visitor = null;
let setLanguage = () => {};

export const send = async (path, body = {}) => {
  const say = path === "stay" ? () => {} : toast; // nobody asked for that one
  const limit = AbortSignal.timeout(LIMIT_MS);
  const headers = { "Content-Type": "application/json" };
  try {
    const answer = await fetch(`/api/${path}`, { method: "POST", headers, body: JSON.stringify(body), signal: limit });
    if (answer.ok) return;
    if (answer.status === 401) say(t("link.token"));
    else say(t("action.failed", { error: (await answer.json().catch(() => ({}))).error ?? answer.status }));
  } catch {
    say(t("link.connecting"));
  }
};

// The server ignores the choice if the word has grown or ended in the meantime.
const choose = (button) => send("choose", { word: button.textContent, instead_of: button.dataset.for });

const closeDialogs = () => document.querySelectorAll("dialog[open]").forEach((dialog) => dialog.close());

const toggleHelp = (open) => {
  if (open && !help.open) {
    help.showModal();
    byId("help-body").scrollTop = 0;
  } else if (!open && help.open) help.close();
};

export const pressed = (button, act) => button.addEventListener("click", act);

pressed(clear, () => send("clear"));
pressed(undo, () => send("undo"));
pressed(speak, () => send("speak"));
pressed(mute, () => send("mute", { muted: !muted }));
pressed(byId("open-help"), () => toggleHelp(true));
pressed(byId("close-help"), () => toggleHelp(false));
pressed(byId("language"), () => {
  const { code } = nextLanguage();
  setLanguage(code);
  // The voice and the suggestions follow; while pictures are stored there are none.
  if (document.body.dataset.mode === "read") send("language", { language: code });
});
for (const button of suggestionButtons) pressed(button, () => choose(button));
// A tap outside the help closes it.
help.addEventListener("click", (event) => event.target === help && toggleHelp(false));

/** Keys press what is seen: in practice the text is hidden, and nothing may happen to it. */
const press = (...buttons) => buttons.find((button) => button.checkVisibility())?.click();

const KEYS = {
  s: () => press(speak),
  m: () => press(mute),
  p: () => press(byId("stop"), byId("practise")),
  "?": () => toggleHelp(!help.open),
  1: () => press(suggestionButtons[0]),
  2: () => press(suggestionButtons[1]),
  3: () => press(suggestionButtons[2]),
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || event.repeat || document.body.dataset.mode !== "read") return;
  if (document.querySelector("dialog[open]")) return; // Esc closes it; nothing else may happen behind it
  if (event.key === "Escape") press(byId("stop"), clear);
  else if (event.key === "Backspace") press(undo);
  else if (singleKeys) KEYS[event.key.toLowerCase()]?.();
});

// WCAG 2.1.4: single-key shortcuts can be turned off, for people who dictate or hit keys by accident.
const single = document.querySelector("#single-keys input");
single.addEventListener("change", () => {
  singleKeys = single.checked;
});

const slower = document.querySelector("#slower input");
slower.addEventListener("change", () => send("pace", { slow: slower.checked }));

// A public screen, not a desk: no context menu.
document.addEventListener("contextmenu", (event) => event.preventDefault());

// Whoever touches the screen is there, the button "I need more time" or not.
const touch = () => {
  const now = performance.now();
  if (now - touched < TOUCH_MS || document.body.dataset.mode !== "read") return;
  touched = now;
  send("stay");
};
document.addEventListener("pointerdown", touch);
document.addEventListener("keydown", touch);
document.addEventListener("wheel", touch, { passive: true }); // reading the help, too, takes time

/** Once a visitor has left, the page is as the next one should find it, even if it was asleep meanwhile. */
export const visitState = (visit) => {
  if (visitor?.here && (!visit.here || visit.number !== visitor.number)) {
    closeDialogs();
    single.checked = singleKeys = true;
    chooseHand(null);
    setLanguage(null);
  }
  visitor = visit;
};

const hasSomethingToLose = ({ text, undoable, practice, slow }) =>
  Boolean(text) || undoable || practice !== null || slow || isLanguageChosen();

/** Shortly before everything goes, who is still there is asked; whoever has nothing to lose is not. */
const leavingState = (live, state) => {
  const seconds = live ? state.visit.ends_in_s : null;
  const asks = seconds !== null && hasSomethingToLose(state);
  if (asks) closeDialogs(); // which would lie over it
  setAttribute(byId("leaving"), "hidden", !asks);
  if (asks) setText(byId("leaving-text"), t("leaving.text", { seconds }));
};

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
  setAttribute(undo, "disabled", !live || !state.undoable);
  setAttribute(mute, "disabled", !live);
  setAttribute(mute, "data-muted", String(muted));
  setIcon(byId("mute-icon"), { muted: "mute", failed: "warn" }[voice] ?? "speak");
  setText(byId("mute-label"), t({ muted: "tool.voice-off", failed: "tool.voice-failed" }[voice] ?? "tool.voice-on"));
  if (slower.checked !== Boolean(state?.slow)) slower.checked = Boolean(state?.slow);
  leavingState(live, state);
};
