// What keys and buttons of the sample window do.
/** @import { SampleRoot } from "./sample_types.js" */
/** @import { Command, Tag, Turn, Verdict } from "./types.js" */

import { say } from "./elements.js";
import { toggleHelp } from "./help.js";
import { ARROW_USERS, commandOf, digitOf, isIn } from "./keyboard.js";
import { record } from "./outbox.js";
import { fit, originalPixels, pan, zoom } from "./sample_picture.js";
import { refresh } from "./sample_view.js";
import { go, step } from "./sample_walk.js";
import { pressTag, toggleTag } from "./tags.js";
import { nextTurn } from "./turning.js";
import { DONE, isVerdict, turnedText } from "./verdicts.js";

/** @param {SampleRoot} root @param {KeyboardEvent} event */
export function press(root, event) {
  const command = commandOf(event, root.data.keys);
  if (command === "help") {
    return toggleHelp(root);
  }
  if (root.help?.open) {
    return false;
  }
  if (command) {
    // A held key is not a second decision.
    return root.data.can_decide && (event.repeat || perform(root, command));
  }
  const digit = digitOf(event);
  if (digit) {
    return root.data.can_decide && (event.repeat || tagHere(root, () => pressTag(root, digit, [root.at])));
  }
  const isTaken = event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || isIn(event, ARROW_USERS);
  return !isTaken && (event.shiftKey ? panBy(root, event.key) : move(root, event.key));
}

/** @param {SampleRoot} root @param {string} key */
function move(root, key) {
  /** @type {Record<string, () => boolean>} */
  const moves = {
    ArrowLeft: () => step(root, -1),
    ArrowRight: () => step(root, 1),
    Home: () => go(root, 0),
    End: () => go(root, (root.sequence?.total ?? 0) - 1),
    "+": () => zoom(root, 1),
    "=": () => zoom(root, 1),
    "-": () => zoom(root, -1),
    f: () => fit(root),
    o: () => originalPixels(root),
  };
  return moves[key]?.() ?? false;
}

/** @param {SampleRoot} root @param {string} key with Shift */
function panBy(root, key) {
  /** @type {Record<string, [number, number]>} */
  const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  const by = steps[key];
  return by ? pan(root, ...by) : key === "+" && zoom(root, 1);
}

/** @param {SampleRoot} root @param {Exclude<Command, "help">} command */
export function perform(root, command) {
  return isVerdict(command) ? decide(root, command) : turnBack(root, command);
}

/** As in a gallery, the next image follows. @param {SampleRoot} root @param {Verdict} kind */
function decide(root, kind) {
  const { at, sequence, position } = root;
  record(root, kind, [at]);
  if (sequence && !root.isAside && position < sequence.total - 1) {
    step(root, 1);
  }
  refresh(root);
  say(root, `${DONE[kind]} ${at.sample_key}`);
  return true;
}

/** @param {SampleRoot} root @param {Tag} tag */
export function toggleTagHere(root, tag) {
  return root.data.can_decide && tagHere(root, () => toggleTag(root, tag, [root.at]));
}

/** @param {SampleRoot} root @param {() => void} change of the tags of the image, which stays */
function tagHere(root, change) {
  change();
  refresh(root);
  return true;
}

/** Undo and redo go to the image that they are about, where it was seen before. @param {SampleRoot} root @param {Turn} kind */
function turnBack(root, kind) {
  const turned = nextTurn(root, kind);
  if (!turned) {
    return true;
  }
  record(root, kind, []);
  const place = [...root.items].find(([, item]) => item.sample_key === turned.key);
  if (place && place[1].sample_key !== root.at.sample_key) {
    go(root, place[0]);
  }
  refresh(root);
  say(root, turnedText(kind, turned.key));
  return true;
}
