// The camera's picture, the square in it, and what is shown instead when there is none.

import { byId, setAttribute, setIcon, setStyle, setText } from "./dom.js";
import { handState, placeHand } from "./hand.js";
import { isWrong } from "./reading.js";
import { guide, hasString, t } from "./strings.js";

const ICONS = {
  starting: "camera",
  missing: "camera-off",
  busy: "camera-off",
  lost: "camera-off",
  frozen: "pause",
  black: "cap",
  failed: "warn",
  ended: "film",
  connecting: "link",
  token: "key",
};
const RETRY_MS = 3_000;
// A hand may be anywhere, so all of the frame is shown, but for a twentieth at each edge: a hand there is cut off anyway.
const SPARE = 1.1;

const box = byId("camera");
const picture = byId("picture");
const square = byId("square");
const ghost = byId("ghost");

let hello = null;
let part = null;
let opened = 0;
let timer = 0;
let was = null;

/** A new connection for the picture: after a restart the old one freezes without any error. */
export const openPicture = () => {
  clearTimeout(timer);
  opened += 1;
  picture.src = `/camera.mjpeg?${opened}`;
};

// No events, no picture: the events' return opens it. Until then, and when only the picture fails, try again.
picture.addEventListener("error", () => {
  clearTimeout(timer);
  timer = setTimeout(() => document.body.dataset.link === "up" && openPicture(), RETRY_MS);
});

export const cameraHello = (said) => {
  hello = said;
  setAttribute(document.body, "data-guide", guide());
  place();
};

/** Whether the hand has a fixed place, the square, or is followed anywhere in the picture. */
const isFixed = () => guide() !== "anywhere";

/** What must stay whole, in pixels of the frame as it is shown: the square, or nearly all of the frame. */
const keptOf = ({ frame, mirror }) => {
  if (!isFixed()) return { x: 0, y: 0, width: frame.width, height: frame.height };
  const { x, y, side } = part ?? { x: 0, y: 0, side: Math.min(frame.width, frame.height) };
  return { x: mirror ? frame.width - x - side : x, y, width: side, height: side };
};

/**
 * The frame fills the box, but what matters stays whole: a tall box shows the square and little more, a wide one all.
 * Mirrored is only the picture, and with it what lies on it.
 */
const place = () => {
  setAttribute(square, "hidden", !part || !hello?.frame || !isFixed());
  if (!hello?.frame) return;
  const { frame, mirror } = hello;
  const { clientWidth: width, clientHeight: height } = box;
  const kept = keptOf(hello);
  const covering = Math.max(width / frame.width, height / frame.height);
  const containing = Math.min(width / kept.width, height / kept.height);
  const scale = Math.min(covering, isFixed() ? containing : containing * SPARE);
  const left = clamp(width / 2 - (kept.x + kept.width / 2) * scale, width - frame.width * scale);
  const top = clamp(height / 2 - (kept.y + kept.height / 2) * scale, height - frame.height * scale);
  const all = { left, top, width: frame.width * scale, height: frame.height * scale };
  const within = {
    left: left + kept.x * scale,
    top: top + kept.y * scale,
    width: kept.width * scale,
    height: kept.height * scale,
  };
  const transform = mirror ? "scaleX(-1)" : "none";
  lay(picture, all);
  setStyle(picture, "transform", transform);
  placeHand(frame, all, transform);
  for (const node of [square, ghost]) lay(node, within);
};

const lay = (node, place) => Object.entries(place).forEach(([name, value]) => setStyle(node, name, `${value}px`));

/** An offset that leaves no empty edge where the picture is larger than the box (`room` < 0), else the middle. */
const clamp = (offset, room) => (room < 0 ? Math.max(room, Math.min(0, offset)) : room / 2);

new ResizeObserver(place).observe(box);

const fault = (link, state) => {
  if (link === "forbidden") return "token";
  if (link !== "up" || !state) return "connecting";
  return state.camera.state === "live" ? null : state.camera.state;
};

const stringFor = (name) => {
  if (name === "connecting" || name === "token") return `link.${name}`;
  return hasString(`camera.${name}`) ? `camera.${name}` : "camera.failed";
};

/** The square travels with every state; laying out again is only needed when a fixed one has moved. */
const cameraSquare = (square) => {
  if (!isFixed() || JSON.stringify(square) === JSON.stringify(part)) return;
  part = square;
  place();
};

/** How the letter in front is coming along, for the colour of what is drawn around the hand. */
const sureOf = (state) => {
  if (!state.letter) return null;
  return state.letter.held >= 1 && !isWrong(state) ? "taken" : "letter";
};

export const cameraState = (link, state) => {
  cameraSquare(state?.square ?? null);
  const name = fault(link, state);
  if (name) handState(null, null, null);
  else handState(state.hand, isFixed() ? null : state.square, sureOf(state));
  setAttribute(box, "data-fault", name);
  setAttribute(box, "data-scene", name ? null : (state?.scene ?? null));
  const key = stringFor(name);
  setText(byId("fault-title"), name ? t(key) : "");
  setText(byId("fault-text"), name ? t(`${key}.text`) : "");
  if (name) setIcon(byId("fault-icon"), ICONS[name] ?? "warn");
  const now = link === "up" ? state?.camera.state : null;
  if (now === "live" && was && was !== "live") openPicture();
  was = now;
};
