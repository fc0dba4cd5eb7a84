// The picture of the sample window: all of it, or a part of it by wheel, fingers, keys and buttons, down to its pixels.
// The thumbnail is there at once, a large view follows, and every pixel once there is room for more than the view has.
/** @import { SampleRoot, Seen } from "./sample_types.js" */
/** @import { Size } from "./zoom.js" */

import { allPixels, largeView, make, thumbnail } from "./elements.js";
import { carriedOver, fitted, scaled, within } from "./zoom.js";

const STEP = 1.25;
const WHEEL = 0.0015;
const PINCH = 0.01;
const LINE = 16;
/** Pixels of an image as wide as this on the screen have sharp edges. */
const SHARP = 2;
const PAN = 80;

/** @param {SampleRoot} root */
export function makeFrame(root) {
  const element = make("div", "picture");
  element.tabIndex = 0;
  element.setAttribute("role", "group");
  element.setAttribute("aria-label", "Picture");
  const level = make("span", "level");
  level.setAttribute("role", "status");
  root.frame = { element, level, place: { scale: 1, x: 0, y: 0 }, isFit: true, pointers: new Map() };
  element.addEventListener("wheel", (event) => turnWheel(root, event), { passive: false });
  element.addEventListener("dblclick", (event) => switchSize(root, pointOf(root, event)));
  element.addEventListener("pointerdown", (event) => {
    if (event.button === 0) {
      root.frame.pointers.set(event.pointerId, pointOf(root, event));
      element.setPointerCapture(event.pointerId);
    }
  });
  element.addEventListener("pointermove", (event) => drag(root, event));
  for (const name of /** @type {const} */ (["pointerup", "pointercancel"])) {
    element.addEventListener(name, (event) => root.frame.pointers.delete(event.pointerId));
  }
  new ResizeObserver(() => place(root)).observe(element);
  return element;
}

/** Fetch a picture that comes next, or soon. @param {SampleRoot} root @param {Seen} item */
export function pictureOf(root, item) {
  const known = root.pictures.get(item.content_id);
  if (known) {
    return known;
  }
  const image = make("img", "base");
  image.decoding = "async";
  image.draggable = false;
  image.style.backgroundImage = `url("${thumbnail(item)}")`;
  // The file may be gone, or another one by now: the thumbnail is what was indexed.
  image.onerror = () => {
    if (image.getAttribute("src") !== thumbnail(item)) {
      image.src = thumbnail(item);
    } else {
      root.pictures.delete(item.content_id);
    }
  };
  image.onload = () => {
    image.style.backgroundImage = "";
    if (root.frame.base === image) {
      place(root);
    }
  };
  image.src = largeView(root.data.dataset ?? "", item);
  root.pictures.set(item.content_id, image);
  return image;
}

/** @param {SampleRoot} root @param {Seen} item */
export function showPicture(root, item) {
  const { frame } = root;
  const image = pictureOf(root, item);
  image.alt = item.sample_key;
  const before = frame.size;
  const size = sizeOf(root, item, image);
  const isOther = frame.base !== image;
  if (isOther) {
    frame.base = image;
    frame.full = undefined;
    frame.element.replaceChildren(image);
  }
  if (size && before && !frame.isFit && (isOther || size.width !== before.width)) {
    frame.place = carriedOver(before, size, roomOf(root), frame.place);
  }
  frame.size = size;
  place(root);
}

/** @param {SampleRoot} root @param {Seen} item @param {HTMLImageElement} image @returns {Size | undefined} */
function sizeOf(root, item, image) {
  const known = item.width ? item : root.cards.get(item.sample_key);
  const { width, height } = known ?? {};
  if (width && height) {
    return { width, height };
  }
  return image.naturalWidth ? { width: image.naturalWidth, height: image.naturalHeight } : undefined;
}

/** @param {SampleRoot} root @returns {Size} */
function roomOf({ frame }) {
  return { width: frame.element.clientWidth || 1, height: frame.element.clientHeight || 1 };
}

/** @param {SampleRoot} root @param {MouseEvent} event */
function pointOf({ frame }, event) {
  const corner = frame.element.getBoundingClientRect();
  return { x: event.clientX - corner.left, y: event.clientY - corner.top };
}

/** Put the picture where it is to be. @param {SampleRoot} root */
function place(root) {
  const { frame } = root;
  const { base, size } = frame;
  if (!base) {
    return;
  }
  if (!size) {
    const { naturalWidth: width, naturalHeight: height } = base;
    if (width) {
      frame.size = { width, height };
      place(root);
    }
    return;
  }
  const room = roomOf(root);
  frame.place = frame.isFit ? fitted(size, room) : within(size, room, frame.place);
  const { scale, x, y } = frame.place;
  frame.element.classList.toggle("free", !frame.isFit);
  const wide = size.width * scale * devicePixelRatio;
  const isShort = base.complete && base.naturalWidth < size.width && wide > 1.01 * base.naturalWidth;
  if (isShort && !frame.full) {
    frame.full = addFull(root, base);
  }
  for (const image of [base, frame.full]) {
    if (image) {
      image.style.width = `${size.width * scale}px`;
      image.style.height = `${size.height * scale}px`;
      image.style.transform = `translate(${x}px, ${y}px)`;
      image.classList.toggle("sharp", scale * devicePixelRatio >= SHARP);
    }
  }
  const text = `${Math.round(100 * scale * devicePixelRatio)} %`;
  if (frame.level.textContent !== text) {
    frame.level.textContent = text;
  }
}

/** Every pixel, above the view, which is seen until they are there. @param {SampleRoot} root @param {HTMLElement} base */
function addFull(root, base) {
  const image = make("img", "full");
  image.alt = "";
  image.decoding = "async";
  image.draggable = false;
  image.onload = () => image.classList.add("there");
  image.onerror = () => image.remove();
  image.src = allPixels(root.data.dataset ?? "", root.at);
  base.after(image);
  return image;
}

/** @param {SampleRoot} root @param {number} scale @param {{ x: number, y: number }} [at] the middle if not given */
function scaleTo(root, scale, at) {
  const { frame } = root;
  if (!frame.size) {
    return;
  }
  const room = roomOf(root);
  const point = at ?? { x: room.width / 2, y: room.height / 2 };
  frame.place = scaled(frame.size, room, frame.place, scale, point, devicePixelRatio);
  frame.isFit = Math.abs(frame.place.scale - fitted(frame.size, room).scale) < 1e-6;
  place(root);
}

/** @param {SampleRoot} root */
export function fit(root) {
  root.frame.isFit = true;
  place(root);
  return true;
}

/** One pixel of the image on one of the screen. @param {SampleRoot} root @param {{ x: number, y: number }} [at] */
export function originalPixels(root, at) {
  scaleTo(root, 1 / devicePixelRatio, at);
  return true;
}

/** @param {SampleRoot} root @param {1 | -1} direction nearer or farther */
export function zoom(root, direction) {
  scaleTo(root, root.frame.place.scale * STEP ** direction);
  return true;
}

/** @param {SampleRoot} root @param {number} across @param {number} down in steps */
export function pan(root, across, down) {
  move(root, -across * PAN, -down * PAN);
  return true;
}

/** @param {SampleRoot} root @param {{ x: number, y: number }} at */
function switchSize(root, at) {
  return root.frame.isFit ? originalPixels(root, at) : fit(root);
}

/** @param {SampleRoot} root @param {number} x @param {number} y */
function move(root, x, y) {
  const { frame } = root;
  frame.place = { ...frame.place, x: frame.place.x + x, y: frame.place.y + y };
  place(root);
}

/** @param {SampleRoot} root @param {WheelEvent} event */
function turnWheel(root, event) {
  const by = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? LINE * event.deltaY : event.deltaY;
  const before = root.frame.place.scale;
  scaleTo(root, before * Math.exp(-by * (event.ctrlKey ? PINCH : WHEEL)), pointOf(root, event));
  // A wheel that makes nothing smaller any more scrolls the window.
  if (root.frame.place.scale !== before) {
    event.preventDefault();
  }
}

/** One finger, or the mouse, moves the picture; two make it larger and smaller. @param {SampleRoot} root @param {PointerEvent} event */
function drag(root, event) {
  const { pointers, place: at } = root.frame;
  const before = pointers.get(event.pointerId);
  if (!before) {
    return;
  }
  const now = pointOf(root, event);
  const other = [...pointers].find(([id]) => id !== event.pointerId)?.[1];
  pointers.set(event.pointerId, now);
  if (other) {
    const apart = (/** @type {{ x: number, y: number }} */ one) => Math.hypot(one.x - other.x, one.y - other.y);
    const middle = { x: (now.x + other.x) / 2, y: (now.y + other.y) / 2 };
    scaleTo(root, (at.scale * apart(now)) / Math.max(apart(before), 1), middle);
  } else {
    move(root, now.x - before.x, now.y - before.y);
  }
}
