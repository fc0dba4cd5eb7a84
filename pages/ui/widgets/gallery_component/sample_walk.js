// Where the sample window is, and what is fetched ahead. The browser leads; the page is told once it stays somewhere.
/** @import { SampleCard, SampleRoot, Seen } from "./sample_types.js" */
/** @import { Action } from "./types.js" */

import { hostOf, say } from "./elements.js";
import { withTag } from "./prediction.js";
import { writeAddress } from "./sample_address.js";
import { askBeside } from "./sample_beside.js";
import { pictureOf, showPicture } from "./sample_picture.js";
import { refresh } from "./sample_view.js";
import { findSequence, followed } from "./sequence.js";
import { ask } from "./server.js";
import { isVerdict } from "./verdicts.js";

const SETTLE_MILLISECONDS = 250;
const AHEAD = 3;
const MAX_CARDS = 64;
const MAX_ITEMS = 600;

/** Show the sample that the page says, and find out among which it is. @param {SampleRoot} root @param {Seen} item */
export async function begin(root, item) {
  const key = item.sample_key;
  clearTimeout(root.telling);
  root.isAside = false;
  const known = [...root.items].find(([, other]) => other.sample_key === key);
  if (root.sequence && known) {
    root.position = known[0];
  } else {
    root.sequence = null;
    root.items.clear();
  }
  show(root, item);
  arrived(root);
  if (!root.sequence) {
    const found = followed(key) ?? (await findSequence(key));
    if (found && root.at.sample_key === key && !root.sequence) {
      root.sequence = found;
      root.position = found.position;
      root.items.set(found.position, item);
      refresh(root);
      fetchAhead(root);
    }
  }
}

/** Go on or back. @param {SampleRoot} root @param {number} by */
export function step(root, by) {
  return go(root, root.position + by);
}

/** @param {SampleRoot} root @param {number} position in the sequence; beyond its ends nothing happens */
export function go(root, position) {
  const { sequence } = root;
  if (!sequence) {
    say(root, "There is no list to go on in");
  } else if (position < 0 || position >= sequence.total) {
    say(root, position < 0 ? "This is the first image" : "This is the last image");
  } else {
    root.direction = position < root.position ? -1 : 1;
    root.position = position;
    root.isAside = false;
    void reach(root, position);
  }
  return true;
}

/** @param {SampleRoot} root @param {number} position */
async function reach(root, position) {
  const item = root.items.get(position) ?? (await itemAt(root, position));
  // Who went on meanwhile is elsewhere.
  if (item && root.position === position && !root.isAside) {
    show(root, item);
    say(root, `${position + 1} of ${root.sequence?.total}: ${item.sample_key}`);
    later(root, true);
    fetchAhead(root);
  }
}

/** @param {SampleRoot} root @param {number} position @returns {Promise<Seen | undefined>} */
async function itemAt(root, position) {
  const { sequence } = root;
  try {
    const item = await sequence?.at(position);
    if (item && root.sequence === sequence) {
      root.items.set(position, item);
      forget(root.items, MAX_ITEMS);
    }
    return item;
  } catch (error) {
    say(root, String(error instanceof Error ? error.message : error));
    return undefined;
  }
}

/** Open a sample that is alike: "back" leads here again. @param {SampleRoot} root @param {Seen} item */
export function openAside(root, item) {
  root.isAside = true;
  show(root, item);
  say(root, item.sample_key);
  later(root, false);
}

/** @param {SampleRoot} root @param {Seen} item */
function show(root, item) {
  root.at = item;
  showPicture(root, item);
  void askCard(root, item);
  settle(root);
  refresh(root);
}

/** Tell the page, unless somebody goes on at once. @param {SampleRoot} root @param {boolean} isStep */
function later(root, isStep) {
  clearTimeout(root.telling);
  const key = root.at.sample_key;
  const tell = () => {
    if (root.isConnected) {
      writeAddress(key, isStep);
      if (root.told !== key) {
        root.told = key;
        root.tell(key);
      }
      arrived(root);
    }
  };
  root.telling = setTimeout(tell, isStep ? SETTLE_MILLISECONDS : 0);
}

/** @param {SampleRoot} root */
function arrived(root) {
  void askBeside(root, (item) => openAside(root, item));
  if (!root.isAside) {
    root.sequence?.reveal(root.position);
  }
}

/** Whether the page draws the details of another sample is marked on the window, which hides them. @param {SampleRoot} root */
export function settle(root) {
  const isBehind = root.at !== undefined && root.at.sample_key !== root.data.card.sample_key;
  hostOf(root).closest('[data-testid="stDialog"]')?.toggleAttribute("data-behind", isBehind);
}

/** Pictures and cards of those that come next. @param {SampleRoot} root */
function fetchAhead(root) {
  const { sequence, position, direction } = root;
  const near = [-1, ...Array.from({ length: AHEAD }, (_, index) => index + 1)].map((by) => position + by * direction);
  const wanted = near.filter((other) => sequence && other >= 0 && other < sequence.total);
  const fetch = async (/** @type {number} */ other) => {
    const item = root.items.get(other) ?? (await itemAt(root, other));
    if (item && root.position === position) {
      pictureOf(root, item);
      void askCard(root, item);
    }
  };
  for (const other of wanted) {
    void fetch(other);
  }
  const kept = new Set(
    [root.at, ...wanted.flatMap((other) => root.items.get(other) ?? [])].map((item) => item.content_id),
  );
  for (const id of root.pictures.keys()) {
    if (!kept.has(id)) {
      root.pictures.delete(id);
    }
  }
}

/** @param {SampleRoot} root @param {Seen} item */
async function askCard(root, { sample_key }) {
  if (root.cards.has(sample_key) || root.asking.has(sample_key)) {
    return;
  }
  root.asking.add(sample_key);
  try {
    const card = /** @type {SampleCard} */ (
      await ask(`${root.data.route}/card?${new URLSearchParams({ key: sample_key })}`)
    );
    root.cards.set(sample_key, card);
    forget(root.cards, MAX_CARDS);
    if (root.at.sample_key === sample_key) {
      showPicture(root, root.at);
      refresh(root);
    }
  } catch (error) {
    if (root.at.sample_key === sample_key) {
      say(root, String(error instanceof Error ? error.message : error));
    }
  } finally {
    root.asking.delete(sample_key);
  }
}

/** @param {Map<unknown, unknown>} map @param {number} most */
function forget(map, most) {
  for (const key of map.keys()) {
    if (map.size <= most) {
      break;
    }
    map.delete(key);
  }
}

/**
 * What the page knows of by now stays on the cards that were read before; after an undo they are read again.
 * @param {SampleRoot} root
 * @param {Action[]} actions that were waiting
 */
export function keepActions(root, actions) {
  root.cards ??= new Map();
  const known = new Set(root.data.done);
  for (const { kind, samples, who, tag = "" } of actions.filter((action) => known.has(action.token))) {
    if (kind === "undo" || kind === "redo") {
      root.cards.clear();
    }
    for (const card of samples.flatMap(([key]) => root.cards.get(key) ?? [])) {
      if (isVerdict(kind)) {
        Object.assign(card, { verdict: kind, decided_by: who });
      } else {
        card.tags = withTag(card.tags, tag, kind === "tag");
      }
    }
  }
  root.cards.set(root.data.card.sample_key, root.data.card);
  if (root.at && !root.cards.has(root.at.sample_key)) {
    void askCard(root, root.at);
  }
}
