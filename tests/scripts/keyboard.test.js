// Which key asks for what.

import assert from "node:assert/strict";
import test from "node:test";
import { commandOf, digitOf, isIn } from "../../pages/ui/widgets/gallery_component/keyboard.js";
import { KEYS, press } from "./standins.js";

test("each key asks for its command, as a capital as well", () => {
  for (const [command, key] of Object.entries(KEYS)) {
    assert.equal(commandOf(press(key), KEYS), command);
    assert.equal(commandOf(press(key.toUpperCase()), KEYS), command);
  }
});

test("the page says which key does what", () => {
  assert.equal(commandOf(press("j"), { ...KEYS, keep: "j" }), "keep");
  assert.equal(commandOf(press("k"), { ...KEYS, keep: "j" }), undefined);
});

test("a key with Ctrl, Alt, Shift or Meta is the browser's, but help may need Shift", () => {
  for (const modifier of ["ctrlKey", "altKey", "shiftKey", "metaKey"]) {
    assert.equal(commandOf(press("k", { [modifier]: true }), KEYS), undefined);
  }
  assert.equal(commandOf(press("?", { shiftKey: true }), KEYS), "help");
});

test("what others have seen to, and what is being composed, is not for us", () => {
  assert.equal(commandOf(press("k", { defaultPrevented: true }), KEYS), undefined);
  assert.equal(commandOf(press("k", { isComposing: true }), KEYS), undefined);
});

test("a keyboard of other letters goes by where the key is", () => {
  assert.equal(commandOf(press("л", { code: "KeyK" }), KEYS), "keep");
  assert.equal(commandOf(press("в", { code: "KeyD" }), KEYS), "drop");
  // Latin letters at other places are what is printed on them.
  assert.equal(commandOf(press("z", { code: "KeyY" }), KEYS), "undo");
  assert.equal(commandOf(press("ArrowLeft", { code: "ArrowLeft" }), KEYS), undefined);
});

test("a key in a text field is text", () => {
  const field = { closest: (/** @type {string} */ selector) => (selector.includes("textarea") ? {} : null) };
  assert.equal(commandOf(press("k", {}, field), KEYS), undefined);
  assert.equal(commandOf(press("?", {}, { isContentEditable: true }), KEYS), undefined);
  assert.equal(isIn(press("k", {}, {}), "textarea"), false, "a document is in nothing");
});

test("digits are keys of tags, unless they are text or the browser's", () => {
  assert.deepEqual([digitOf(press("1")), digitOf(press("9")), digitOf(press("0")), digitOf(press("k"))], [1, 9, 0, 0]);
  assert.equal(digitOf(press("1", { ctrlKey: true })), 0);
  const field = { closest: (/** @type {string} */ selector) => (selector.includes("textarea") ? {} : null) };
  assert.equal(digitOf(press("1", {}, field)), 0);
});
