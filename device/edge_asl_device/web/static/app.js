// The page: events in, views out. Only the newest state is kept, and it is drawn at most once per frame.

import { actionsState, onLanguage, visitState } from "./actions.js";
import { attractState } from "./attract.js";
import { cameraHello, cameraState, openPicture } from "./camera.js";
import { captureState } from "./capture.js";
import { byId, setAttribute, setText } from "./dom.js";
import { drawNotices, noticesState } from "./notices.js";
import { paperState } from "./paper.js";
import { practiceState } from "./practice.js";
import { readingCapture, readingHello, readingState } from "./reading.js";
import { drawSheets, handSide, sheetState } from "./sheet.js";
import { openStream } from "./stream.js";
import { guide, language, loadStrings, nextLanguage, setGuide, setServedLanguage, t } from "./strings.js";
import "./taps.js";

let link = "connecting";
let hello = null;
let state = null;
let asked = 0;

const draw = () => {
  asked = 0;
  const live = link === "up" && state !== null;
  setAttribute(document.body, "data-link", link);
  cameraState(link, state);
  if (live && state.capture) readingCapture(state.capture);
  else readingState(live && state.camera.state === "live", state, attractState(live, state, hello));
  paperState(live, state);
  actionsState(live, state);
  practiceState(live, state);
  handSide(hello?.mirror ?? false, state?.left ?? false);
  sheetState((live && (state.capture ?? state.letter)?.label) || null);
  captureState(hello?.mode, state);
  if (state) noticesState(forStaff());
  drawAbout();
};

// A hidden tab draws no frames: the newest state waits until the tab is shown again.
const redraw = () => {
  asked ||= requestAnimationFrame(draw);
};

// The drawn hands that attract visitors go on while no state comes.
setInterval(redraw, 650);

const drawAbout = () => {
  const { program = "", bundle = {} } = hello ?? {};
  const fps = (state?.fps ?? 0).toFixed(0);
  const latency = (state?.latency_ms ?? 0).toFixed(0);
  setText(byId("about"), t("about.line", { program, ...bundle, fps, latency }));
};

/** Also why there is no picture: visitors are told what that means to them, not which package is missing. */
const forStaff = () => {
  const { notices = [], camera = null } = state ?? {};
  const silent = link === "up" && camera?.reason && camera.state !== "live";
  return silent ? [...notices, { kind: "camera", text: camera.reason }] : notices;
};

/** What is said about pictures and text must be true of this very run. */
const promise = () => {
  if (hello?.mode === "capture") return "capture.private";
  return hello?.private ? "help.private" : "help.shared";
};

const drawLanguage = () => {
  const next = nextLanguage();
  setText(byId("language-name"), next.name);
  setAttribute(byId("language-name"), "lang", next.code);
  setText(byId("invitation-title"), t(`invitation.${guide()}`));
  setText(byId("step-1"), t(`help.step-1.${guide()}`));
  for (const node of document.querySelectorAll(".private")) setText(node, t(promise()));
  drawSheets(hello?.signs ?? []);
  drawNotices(forStaff());
  drawAbout();
  redraw();
};

const takeHello = (said) => {
  // Another version of the program may serve another page.
  if (hello && hello.program !== said.program) return location.reload();
  if (hello?.run !== said.run) {
    state = null;
    readingHello();
  }
  if (link !== "up" || hello?.run !== said.run) openPicture();
  link = "up";
  hello = said;
  setAttribute(document.body, "data-mode", said.mode);
  setAttribute(document.body, "data-touchless", said.touchless);
  setGuide(said.guide);
  setServedLanguage(state?.language || said.language);
  cameraHello(said);
  return drawLanguage();
};

const takeState = (said) => {
  const before = state?.language;
  state = said;
  visitState(said.visit);
  if (said.language && said.language !== before) {
    setServedLanguage(said.language);
    drawLanguage();
  }
  redraw();
};

const loseLink = (how) => {
  // Without a token every retry is refused as well: keep saying so instead of "connecting" in between.
  link = link === "forbidden" ? link : how;
  redraw();
};

onLanguage(drawLanguage);
await loadStrings();
drawLanguage();
openStream("/events", {
  event: (name, data) => (name === "hello" ? takeHello(data) : takeState(data)),
  down: () => loseLink("connecting"),
  forbidden: () => loseLink("forbidden"),
});
