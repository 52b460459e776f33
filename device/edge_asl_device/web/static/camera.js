// The camera's picture, the square in it, and what is shown instead when there is none.

import { byId, setAttribute, setIcon, setStyle, setText } from "./dom.js";
import { hasString, t } from "./strings.js";

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

const box = byId("camera");
const picture = byId("picture");
const square = byId("square");

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
  place();
};

/**
 * The frame fills the box, but the square stays whole: a tall box shows the square and little more, a wide one all.
 * Mirrored is only the picture, and with it where the square lies.
 */
const place = () => {
  const { frame, mirror } = hello ?? {};
  setAttribute(square, "hidden", !part || !frame);
  if (!frame) return;
  const { clientWidth: width, clientHeight: height } = box;
  const seen = part ?? { x: 0, y: 0, side: Math.min(frame.width, frame.height) };
  const covering = Math.max(width / frame.width, height / frame.height);
  const scale = Math.min(covering, Math.min(width, height) / seen.side);
  const x = mirror ? frame.width - seen.x - seen.side : seen.x;
  const left = clamp(width / 2 - (x + seen.side / 2) * scale, width - frame.width * scale);
  const top = clamp(height / 2 - (seen.y + seen.side / 2) * scale, height - frame.height * scale);
  const set = (node, values) => Object.entries(values).forEach(([name, value]) => setStyle(node, name, `${value}px`));
  set(picture, { left, top, width: frame.width * scale, height: frame.height * scale });
  set(square, { left: left + x * scale, top: top + seen.y * scale, width: seen.side * scale, height: seen.side * scale });
  setStyle(picture, "transform", mirror ? "scaleX(-1)" : "none");
};

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

/** The square travels with every state; laying out again is only needed when it has moved. */
const cameraSquare = (square) => {
  if (JSON.stringify(square) === JSON.stringify(part)) return;
  part = square;
  place();
};

export const cameraState = (link, state) => {
  cameraSquare(state?.square ?? null);
  const name = fault(link, state);
  setAttribute(box, "data-fault", name);
  setAttribute(box, "data-scene", name ? null : (state?.scene ?? null));
  const key = stringFor(name);
  setText(byId("fault-title"), name ? t(key) : "");
  setText(byId("fault-text"), name ? t(`${key}.text`) : "");
  setText(byId("fault-reason"), (name && link === "up" && state?.camera.reason) || "");
  if (name) setIcon(byId("fault-icon"), ICONS[name] ?? "warn");
  const now = link === "up" ? state?.camera.state : null;
  if (now === "live" && was && was !== "live") openPicture();
  was = now;
};
