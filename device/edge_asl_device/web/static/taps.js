// A double tap is one tap. Buttons come and go under the finger: where "Write freely" was, "Clear" is a moment later, and
// the second half of a double tap would empty the text for good.

const AGAIN_MS = 500; // Android takes two taps within 300 ms for one; small and unsteady hands are slower
const NEAR_PX = 40;

let last = { control: null, at: -AGAIN_MS, x: 0, y: 0 };

/** At the same place, soon, and on something else than the tap before it. */
const isSecondHalf = (control, { timeStamp, clientX, clientY }) =>
  control !== last.control &&
  timeStamp - last.at < AGAIN_MS &&
  Math.hypot(clientX - last.x, clientY - last.y) < NEAR_PX;

document.addEventListener(
  "click",
  (event) => {
    if (event.detail === 0) return; // a key, or a key's button: no finger is anywhere
    const control = event.target.closest?.("button, .choice, dialog");
    if (isSecondHalf(control, event)) {
      event.preventDefault();
      event.stopImmediatePropagation();
    } else last = { control, at: event.timeStamp, x: event.clientX, y: event.clientY };
  },
  true,
);
