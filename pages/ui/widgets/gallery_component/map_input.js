// Keys and fingers on the map. What regl-scatterplot hears is the mouse alone.
/** @import { MapRoot } from "./map_types.js" */

const PAN = 0.2;
const ZOOM = 1.25;

/** @param {MapRoot} root @param {KeyboardEvent} event @returns {boolean} whether the key was for the map */
export function pressOnMap(root, event) {
  if (event.ctrlKey || event.metaKey || event.altKey || !root.plot) {
    return false;
  }
  /** @type {Record<string, () => void>} */
  const moves = {
    ArrowLeft: () => move(root, PAN, 0),
    ArrowRight: () => move(root, -PAN, 0),
    ArrowUp: () => move(root, 0, -PAN),
    ArrowDown: () => move(root, 0, PAN),
    "+": () => zoom(root, ZOOM),
    "=": () => zoom(root, ZOOM),
    "-": () => zoom(root, 1 / ZOOM),
    0: () => root.plot?.reset(),
  };
  const act = moves[event.key];
  act?.();
  return act !== undefined;
}

/** What regl-scatterplot calls a camera. @typedef {{ view: number[] }} Camera */

/** @param {MapRoot} root @param {number} across @param {number} up */
export function move(root, across, up) {
  const view = viewOf(root);
  if (!view) {
    return;
  }
  view[12] += across;
  view[13] += up;
  root.plot?.view(view);
}

/** @param {MapRoot} root @param {number} by around the middle */
export function zoom(root, by) {
  const view = viewOf(root);
  if (!view) {
    return;
  }
  for (const at of [0, 5, 12, 13]) {
    view[at] *= by;
  }
  root.plot?.view(view);
}

/** @param {MapRoot} root */
function viewOf(root) {
  const camera = /** @type {Camera | undefined} */ (root.plot?.get("camera"));
  return camera && [...camera.view];
}

/** One finger is the mouse with its button pressed; two zoom and move. @param {MapRoot} root */
export function hearFingers(root) {
  let apart = 0;
  /** @param {string} kind @param {Touch} touch */
  const send = (kind, { clientX, clientY }) => {
    const buttons = kind === "mouseup" ? 0 : 1;
    root.canvas.dispatchEvent(new MouseEvent(kind, { clientX, clientY, buttons, bubbles: true, composed: true }));
  };
  /** @param {TouchList} touches */
  const gap = (touches) => Math.hypot(touches[0].clientX - touches[1].clientX, touches[0].clientY - touches[1].clientY);
  root.canvas.addEventListener("touchstart", (event) => {
    event.preventDefault();
    root.canvas.focus({ preventScroll: true });
    if (event.touches.length === 1) {
      send("mouseenter", event.touches[0]);
      send("mousemove", event.touches[0]);
      send("mousedown", event.touches[0]);
    } else {
      apart = gap(event.touches);
    }
  });
  root.canvas.addEventListener("touchmove", (event) => {
    event.preventDefault();
    if (event.touches.length === 1) {
      send("mousemove", event.touches[0]);
    } else {
      const now = gap(event.touches);
      zoom(root, now / Math.max(apart, 1));
      apart = now;
    }
  });
  root.canvas.addEventListener("touchend", (event) => {
    event.preventDefault();
    const [touch] = event.changedTouches;
    send("mouseup", touch);
    send("click", touch);
  });
}
