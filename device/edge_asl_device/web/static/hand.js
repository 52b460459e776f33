// The followed hand over the camera's picture: its skeleton, and the square around it.

import { byId, setAttribute, setStyle } from "./dom.js";

// MediaPipe's 21 landmarks, numbered: each finger's bones start at the wrist.
const FINGERS = [
  [0, 1, 2, 3, 4],
  [0, 5, 6, 7, 8],
  [0, 9, 10, 11, 12],
  [0, 13, 14, 15, 16],
  [0, 17, 18, 19, 20],
];
// Length of a corner of the square, as a share of its side.
const CORNER = 0.16;

const drawing = byId("hand");
const skeleton = drawing.querySelectorAll(".bones");
const joints = drawing.querySelectorAll(".joints");
const corners = drawing.querySelectorAll(".corners");

let side = 0;
let scale = 1;

const bonesPath = (points) => FINGERS.map((finger) => `M${finger.map((joint) => points[joint]).join("L")}`).join("");

/** A line of no length with round ends is a dot. */
const jointsPath = (points) => points.map((point) => `M${point}h0`).join("");

const cornersPath = ({ x, y, side }) => {
  const [right, bottom, arm] = [x + side, y + side, side * CORNER];
  return (
    `M${x} ${y + arm}V${y}H${x + arm}M${right - arm} ${y}H${right}V${y + arm}` +
    `M${right} ${bottom - arm}V${bottom}H${right - arm}M${x + arm} ${bottom}H${x}V${bottom - arm}`
  );
};

const write = (paths, d) => paths.forEach((path) => setAttribute(path, "d", d));

/** Bones of a hand far away are drawn thinner. */
const thickness = () => setStyle(drawing, "--side", `${Math.round(side * scale)}px`);

/** The drawing lies on the picture, mirrored as it is; inside, one unit is one pixel of the frame. */
export const placeHand = (frame, place, transform) => {
  setAttribute(drawing, "viewBox", `0 0 ${frame.width} ${frame.height}`);
  for (const [name, value] of Object.entries(place)) setStyle(drawing, name, `${value}px`);
  setStyle(drawing, "transform", transform);
  scale = place.width / frame.width;
  thickness();
};

/** What is lost for a moment stays where it was, and the style sheet lets it fade. */
export const handState = (hand, square, sure) => {
  setAttribute(drawing, "data-lost", !hand && !square);
  if (!hand && !square) return;
  setAttribute(drawing, "data-sure", sure);
  write(skeleton, hand ? bonesPath(hand.landmarks) : "");
  write(joints, hand ? jointsPath(hand.landmarks) : "");
  write(corners, square ? cornersPath(square) : "");
  side = square?.side ?? side;
  thickness();
};
