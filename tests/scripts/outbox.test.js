// Decisions wait until the server confirms them, and are sent again with the same token.

import assert from "node:assert/strict";
import test, { beforeEach, mock } from "node:test";
import {
  acknowledge,
  MOST_RESEND_MILLISECONDS,
  outbox,
  RESEND_MILLISECONDS,
  record,
} from "../../pages/ui/widgets/gallery_component/outbox.js";
import { makeRoot, NoStorage, Storage } from "./standins.js";

const CAT = { sample_key: "cat.png", content_id: "c1" };
const DOG = { sample_key: "dog.png", content_id: "d1" };

/** @param {unknown} storage */
function useStorage(storage) {
  Object.defineProperty(globalThis, "sessionStorage", { value: storage, configurable: true });
}

/** @param {{ token: string }[]} actions */
function tokensOf(actions) {
  return actions.map(({ token }) => token);
}

beforeEach(() => {
  useStorage(new Storage());
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout"] });
});

test("a decision is stored with a token of its own, then sent", () => {
  const { root, sent } = makeRoot("one");
  record(root, "keep", [CAT, DOG], { why: "sharp" });
  const [action] = outbox(root);
  assert.match(action.token, /^[0-9a-f]{32}$/);
  assert.deepEqual(action.samples, [
    ["cat.png", "c1"],
    ["dog.png", "d1"],
  ]);
  assert.deepEqual([action.kind, action.who, action.why], ["keep", "ada", "sharp"]);
  assert.deepEqual(sent, [[action]]);
});

test("one message at a time: what is decided meanwhile goes with the next, in order", () => {
  const { root, sent } = makeRoot("one");
  record(root, "keep", [CAT]);
  record(root, "drop", [DOG]);
  record(root, "undo", []);
  assert.equal(sent.length, 1);
  root.data.done = tokensOf(sent[0]);
  acknowledge(root);
  assert.deepEqual(
    sent[1].map(({ kind }) => kind),
    ["drop", "undo"],
  );
  assert.equal(new Set(tokensOf([...sent[0], ...sent[1]])).size, 3);
});

test("what is not confirmed is sent again with the same token, ever more rarely", () => {
  const { root, sent } = makeRoot("one");
  record(root, "keep", [CAT]);
  let wait = RESEND_MILLISECONDS;
  for (let number = 1; number < 7; number += 1) {
    mock.timers.tick(wait - 1);
    assert.equal(sent.length, number);
    mock.timers.tick(1);
    assert.equal(sent.length, number + 1);
    wait = Math.min(2 * wait, MOST_RESEND_MILLISECONDS);
  }
  assert.equal(new Set(sent.flatMap(tokensOf)).size, 1);
});

test("once confirmed nothing is sent, and the next decision is patient from the beginning", () => {
  const { root, sent } = makeRoot("one");
  record(root, "keep", [CAT]);
  mock.timers.tick(RESEND_MILLISECONDS);
  root.data.done = tokensOf(sent[0]);
  acknowledge(root);
  assert.deepEqual(outbox(root), []);
  mock.timers.tick(10 * MOST_RESEND_MILLISECONDS);
  assert.equal(sent.length, 2);
  record(root, "drop", [DOG]);
  mock.timers.tick(RESEND_MILLISECONDS);
  assert.equal(sent.length, 4);
});

test("a page that was redrawn without news neither sends nor forgets", () => {
  const { root, sent } = makeRoot("one");
  record(root, "keep", [CAT]);
  root.data.done = ["0".repeat(32)];
  acknowledge(root);
  assert.equal(sent.length, 1);
  assert.equal(outbox(root).length, 1);
});

test("after a reload the new page sends what the old one had not", () => {
  const before = makeRoot("one");
  record(before.root, "keep", [CAT]);
  const after = makeRoot("one");
  acknowledge(after.root);
  assert.deepEqual(after.sent, before.sent);
});

test("an element that was taken away sends no more", () => {
  const { root, sent } = makeRoot("one");
  record(root, "keep", [CAT]);
  Object.assign(root, { isConnected: false });
  mock.timers.tick(10 * MOST_RESEND_MILLISECONDS);
  assert.equal(sent.length, 1);
});

test("without a name nothing is sent", () => {
  const { root, sent } = makeRoot("one");
  root.data.can_decide = false;
  record(root, "keep", [CAT]);
  assert.deepEqual(sent, []);
});

test("datasets do not share an outbox", () => {
  const { root } = makeRoot("one");
  record(root, "keep", [CAT]);
  assert.deepEqual(outbox(makeRoot("two").root), []);
});

test("a browser that stores nothing keeps decisions as long as the page lives", () => {
  useStorage(new NoStorage());
  const { root, sent } = makeRoot("unstored");
  record(root, "keep", [CAT]);
  record(root, "drop", [DOG]);
  assert.equal(outbox(root).length, 2);
  root.data.done = tokensOf(sent[0]);
  acknowledge(root);
  assert.deepEqual(
    outbox(root).map(({ kind }) => kind),
    ["drop"],
  );
});
