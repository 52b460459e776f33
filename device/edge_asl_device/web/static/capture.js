// Storing pictures: how far it is, what is missing, and what whoever takes them can do about it.

import { pressed, send } from "./actions.js";
import { byId, setAttribute, setStyle, setText } from "./dom.js";
import { labelName, t } from "./strings.js";

const bar = document.querySelector("#capture-bar i");

let paused = false;

const phaseText = ({ label, phase, next_in_s }) => {
  const seconds = Math.ceil(next_in_s ?? 0);
  const key = phase === "get-ready" && seconds > 0 ? "capture.get-ready-in" : `capture.${phase}`;
  return t(key, { label: labelName(label), seconds });
};

/** Below the count: a doubt about the last picture, else what comes after this sign. */
const remark = ({ following, looks_like }) => {
  if (looks_like) return t("capture.looks-like", { label: labelName(looks_like) });
  return following ? t("capture.following", { label: labelName(following) }) : "";
};

export const captureState = (mode, state) => {
  const capture = mode === "capture" ? state?.capture : null;
  setAttribute(byId("capture-banner"), "hidden", mode !== "capture");
  setAttribute(byId("capture"), "hidden", mode !== "capture");
  if (!capture) return;
  const { phase, person, stored, wanted, sign, signs } = capture;
  paused = phase === "paused";
  setAttribute(byId("capture"), "data-phase", phase);
  setText(byId("capture-phase"), phaseText(capture));
  setText(byId("capture-who"), t("capture.who", { person, label: labelName(capture.label), sign, signs }));
  setText(byId("capture-count"), t("capture.count", { stored, wanted }));
  setText(byId("capture-remark"), remark(capture));
  setAttribute(byId("capture-remark"), "data-warns", Boolean(capture.looks_like));
  setStyle(bar, "transform", `scaleX(${(wanted ? Math.min(1, stored / wanted) : 0).toFixed(3)})`);
  setText(byId("pause"), t(paused ? "capture.resume" : "capture.pause"));
  setAttribute(byId("drop"), "disabled", !stored || phase === "done");
  setAttribute(byId("redo"), "disabled", (!stored && sign === 1) || phase === "done");
  setAttribute(byId("pause"), "disabled", phase === "done");
};

pressed(byId("pause"), () => send("pause", { paused: !paused }));
pressed(byId("drop"), () => send("drop"));
pressed(byId("redo"), () => send("redo"));
