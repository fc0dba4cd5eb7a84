// What undo and redo are about, the same for all desks.
/** @import { DeskRoot, Turn } from "./types.js" */

import { say } from "./elements.js";
import { outbox } from "./outbox.js";
import { canTurn, predict, turnedKey } from "./prediction.js";

/**
 * The sample that an undo or redo is about, which `turnedKey` may not know; null, which is said, if there is nothing.
 * @param {DeskRoot} root
 * @param {Turn} kind
 */
export function nextTurn(root, kind) {
  const found = predict(root.data, outbox(root));
  if (!canTurn(found, kind)) {
    say(root, `Nothing to ${kind}`);
    return null;
  }
  return { key: turnedKey(found, kind) };
}
