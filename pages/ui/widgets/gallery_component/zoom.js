// How large a picture is and where: sizes of images in their pixels, rooms and places in those of the page.
import { wholeFactor } from "./deck_pictures.js";

/** @typedef {{ width: number, height: number }} Size */
/** `scale` is how many pixels of the page one of the image takes; x and y are where its corner is. */
/** @typedef {{ scale: number, x: number, y: number }} Place */

/** A pixel of the image is at most so many of the screen wide. */
const LARGEST = 32;

/** The scale at which all of an image is seen; tiny ones as squares of pixels. @param {Size} size @param {Size} room */
export function fitScale({ width, height }, room) {
  return wholeFactor(width, height, room.width, room.height) || Math.min(room.width / width, room.height / height);
}

/**
 * Where an image is: in the middle where it is smaller than the room, else so that it fills it.
 * @param {Size} size
 * @param {Size} room
 * @param {Place} place
 * @returns {Place}
 */
export function within(size, room, { scale, x, y }) {
  return { scale, x: along(size.width * scale, room.width, x), y: along(size.height * scale, room.height, y) };
}

/** @param {number} length @param {number} room @param {number} at */
function along(length, room, at) {
  return length <= room ? (room - length) / 2 : Math.min(0, Math.max(room - length, at));
}

/** @param {Size} size @param {Size} room @returns {Place} */
export function fitted(size, room) {
  return within(size, room, { scale: fitScale(size, room), x: 0, y: 0 });
}

/**
 * The image at another scale, with the same of it under a point.
 * @param {Size} size
 * @param {Size} room
 * @param {Place} place
 * @param {number} scale
 * @param {{ x: number, y: number }} at
 * @param {number} ratio pixels of the screen in one of the page
 * @returns {Place}
 */
export function scaled(size, room, place, scale, at, ratio) {
  const fit = fitScale(size, room);
  const wanted = Math.min(Math.max(scale, Math.min(fit, 1 / ratio)), Math.max(fit, LARGEST / ratio));
  const by = wanted / place.scale;
  return within(size, room, { scale: wanted, x: at.x - (at.x - place.x) * by, y: at.y - (at.y - place.y) * by });
}

/**
 * Another image at the same scale, with the same part of it in the middle, so that copies are compared by turns.
 * @param {Size} before
 * @param {Size} size
 * @param {Size} room
 * @param {Place} place
 * @returns {Place}
 */
export function carriedOver(before, size, room, { scale, x, y }) {
  const [across, down] = [
    (room.width / 2 - x) / (before.width * scale),
    (room.height / 2 - y) / (before.height * scale),
  ];
  return within(size, room, {
    scale,
    x: room.width / 2 - across * size.width * scale,
    y: room.height / 2 - down * size.height * scale,
  });
}
