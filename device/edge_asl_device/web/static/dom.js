// What every view needs: write to the page only what changed. Thirty states arrive every second, and on a Raspberry Pi
// even a write that changes nothing costs style and layout.

export const byId = (id) => document.getElementById(id);

const written = new WeakMap();

const changed = (node, name, value) => {
  let values = written.get(node);
  if (!values) written.set(node, (values = new Map()));
  if (values.get(name) === value) return false;
  values.set(name, value);
  return true;
};

export const setText = (node, text) => {
  if (changed(node, "#text", text)) node.textContent = text;
};

/** A boolean attribute (`true`: there, empty), or one with a value; null and false remove it. */
export const setAttribute = (node, name, value) => {
  if (!changed(node, name, value)) return;
  if (value === null || value === false) node.removeAttribute(name);
  else node.setAttribute(name, value === true ? "" : value);
};

export const setStyle = (node, name, value) => {
  if (changed(node, `style ${name}`, value)) node.style.setProperty(name, value);
};

export const setIcon = (use, name) => setAttribute(use, "href", `#i-${name}`);

const AGAIN_MS = 3_000;

// Pictures that a full server has refused are asked for again; the camera's has its own way.
document.addEventListener(
  "error",
  ({ target }) => {
    if (!(target instanceof HTMLImageElement) || target.id === "picture") return;
    const { src } = target;
    setTimeout(() => target.src === src && (target.src = src), AGAIN_MS);
  },
  true,
);

const still = matchMedia("(prefers-reduced-motion: reduce)");

/** One short animation; none where the visitor prefers reduced motion. */
export const animate = (node, frames, duration) => {
  if (!still.matches) node.animate(frames, { duration, easing: "ease-out" });
};
