// What keys and buttons of Review do.
/** @import { Command, DeckRoot, Item, Turn, Verdict } from "./types.js" */

import { goTo, neighbour } from "./deck_position.js";
import { refresh } from "./deck_view.js";
import { say } from "./elements.js";
import { toggleHelp } from "./help.js";
import { ARROW_USERS, commandOf, digitOf, isIn } from "./keyboard.js";
import { record } from "./outbox.js";
import { follow, sequenceOf } from "./sequence.js";
import { pressTag } from "./tags.js";
import { nextTurn } from "./turning.js";
import { DONE, isVerdict, turnedText } from "./verdicts.js";

const TELL_MILLISECONDS = 400;
/** What Enter presses itself. */
const BUTTONS = 'button, a, summary, input, textarea, select, [role="button"], [role="combobox"], [role="radio"]';

/** @param {DeckRoot} root @param {KeyboardEvent} event */
export function press(root, event) {
  const command = commandOf(event, root.data.keys);
  if (command === "help") {
    return toggleHelp(root);
  }
  if (root.help?.open || !root.data.can_decide) {
    return false;
  }
  if (command) {
    // A held key is not a second decision. Without an image, verdicts are another component's.
    const isOurs = !isVerdict(command) || root.data.stage || root.keys.length > 0;
    return isOurs && (event.repeat || perform(root, command));
  }
  const digit = digitOf(event);
  if (digit && root.at !== null && root.cards.has(root.at)) {
    return event.repeat || tagCard(root, (items, next) => pressTag(root, digit, items, next));
  }
  if (event.key === "Enter" && root.data.stage && !isIn(event, BUTTONS)) {
    return openWindow(root);
  }
  const by = event.key === "ArrowLeft" ? -1 : event.key === "ArrowRight" ? 1 : 0;
  const isPlain = !(event.ctrlKey || event.metaKey || event.altKey || event.shiftKey || event.defaultPrevented);
  return by !== 0 && isPlain && root.data.stage && !isIn(event, ARROW_USERS) && step(root, by);
}

/** @param {DeckRoot} root @param {Exclude<Command, "help">} command */
export function perform(root, command) {
  return isVerdict(command) ? decide(root, command) : turnBack(root, command);
}

/** @param {DeckRoot} root @param {number} by */
export function step(root, by) {
  const behind = by < 0 ? root.lastKey : undefined;
  const key = root.at === null ? behind : neighbour(root, root.at, by);
  if (key !== undefined && key !== null) {
    show(root, key);
  }
  return true;
}

/** The sample window leads on through the queue. @param {DeckRoot} root */
export function openWindow(root) {
  const cards = root.keys.flatMap((key) => root.cards.get(key) ?? []);
  const sequence = sequenceOf(cards, root.keys.indexOf(root.at ?? ""));
  if (sequence) {
    follow(sequence);
    root.open(sequence.key);
  }
  return sequence !== null;
}

/** @param {DeckRoot} root @param {string} key */
export function show(root, key) {
  goTo(root, key);
  refresh(root);
  clearTimeout(root.telling);
  root.telling = setTimeout(() => root.isConnected && root.tell(), TELL_MILLISECONDS);
}

/** @param {DeckRoot} root @param {Verdict} kind */
function decide(root, kind) {
  const card = root.at === null ? undefined : root.cards.get(root.at);
  if (!root.data.can_decide || !card) {
    say(root, "No image to decide on");
    return true;
  }
  const why = root.why?.value.trim() ?? "";
  const next = root.data.stage ? (neighbour(root, root.at, 1) ?? null) : root.at;
  goTo(root, next);
  record(root, kind, [card], { why, next });
  refresh(root);
  say(root, `${DONE[kind]} ${card.sample_key}`);
  return true;
}

/**
 * A tag is about the image on the screen, which stays there.
 * @param {DeckRoot} root
 * @param {(items: Item[], next: string | null) => void} change
 */
export function tagCard(root, change) {
  const card = root.at === null ? undefined : root.cards.get(root.at);
  if (root.data.can_decide && card) {
    change([card], root.at);
    refresh(root);
  }
  return true;
}

/**
 * Undo goes to the image that is open again; redo goes on behind the one that is decided again. Where that one is not
 * here, the server leads there.
 * @param {DeckRoot} root
 * @param {Turn} kind
 */
function turnBack(root, kind) {
  const turned = nextTurn(root, kind);
  if (!turned) {
    return true;
  }
  const { key } = turned;
  if (!root.data.stage) {
    record(root, kind, []);
  } else if (key !== undefined && root.cards.has(key)) {
    const next = kind === "undo" ? key : (neighbour(root, key, 1) ?? null);
    if (next === null) {
      root.at = key;
    }
    goTo(root, next);
    record(root, kind, [], { next });
  } else {
    record(root, kind, [], { leads: true });
  }
  refresh(root);
  say(root, turnedText(kind, key));
  return true;
}
