// What Review shows: the card, its verdict, what can be undone, the strip of the queue.
/** @import { Card, DeckRoot, Marks } from "./types.js" */

import { fetchAhead, fitPicture, pictureOf } from "./deck_pictures.js";
import { decidedText, refreshButtons } from "./desk_buttons.js";
import { make, makeButton, originalFile, thumbnail } from "./elements.js";
import { outbox } from "./outbox.js";
import { predict } from "./prediction.js";
import { markOf } from "./verdicts.js";

/** @param {DeckRoot} root */
export function refresh(root) {
  const found = predict(root.data, outbox(root));
  const card = root.at === null ? undefined : root.cards.get(root.at);
  refreshButtons(root, found, root.at);
  root.decided.textContent = card ? decidedText(root, card, found.marks[card.sample_key]) : "";
  if (root.frame) {
    drawCard(root, root.frame, card);
    markStrip(root, found.marks);
  }
}

/** @param {DeckRoot} root @param {HTMLElement} frame @param {Card | undefined} card */
function drawCard(root, frame, card) {
  const rest = root.data.more ? "Loading the next images" : "End of the queue";
  root.name.textContent = card ? card.sample_key : rest;
  root.lines.replaceChildren(...(card?.lines ?? []).map((line) => make("div", "line", line)));
  root.original.hidden = !card;
  if (card) {
    root.original.href = originalFile(root.data.dataset ?? "", card);
  }
  const shown = card ? JSON.stringify([card.content_id, card.sample_key]) : "";
  if (frame.dataset.shown !== shown) {
    frame.dataset.shown = shown;
    frame.style.backgroundImage = card ? `url("${thumbnail(card)}")` : "";
    // A new element per image, so that none is ever shown under the name of the next.
    frame.replaceChildren(...(card ? [pictureOf(root, card)] : []));
    fitPicture(root);
  }
  fetchAhead(root);
}

/** @param {DeckRoot} root @param {(key: string) => void} onclick */
export function drawStrip(root, onclick) {
  const drawn = JSON.stringify(root.data.cards.map((card) => [card.sample_key, card.content_id]));
  if (!root.data.stage || root.drawn === drawn) {
    return;
  }
  root.drawn = drawn;
  root.strip.setAttribute("role", "group");
  root.strip.setAttribute("aria-label", "Queue");
  root.strip.replaceChildren(...root.data.cards.map((card) => drawStop(card, () => onclick(card.sample_key))));
}

/** @param {Card} card @param {() => void} onclick */
function drawStop(card, onclick) {
  const button = makeButton("stop", "", onclick);
  button.dataset.key = card.sample_key;
  button.title = card.sample_key;
  button.setAttribute("aria-label", card.sample_key);
  button.tabIndex = -1;
  const image = button.appendChild(document.createElement("img"));
  Object.assign(image, { loading: "lazy", decoding: "async", alt: "", src: thumbnail(card) });
  button.append(make("span", "mark"));
  return button;
}

/** @param {DeckRoot} root @param {Marks} marks */
function markStrip(root, marks) {
  const { strip } = root;
  for (const button of /** @type {Iterable<HTMLElement>} */ (strip.children)) {
    const key = button.dataset.key ?? "";
    const mark = markOf(marks[key]);
    button.dataset.mark = mark && marks[key];
    /** @type {HTMLElement} */ (button.querySelector(".mark")).textContent = mark;
    const isHere = key === root.at;
    button.ariaCurrent = isHere ? "true" : null;
    button.tabIndex = isHere ? 0 : -1;
    if (isHere) {
      // Not scrollIntoView, which would scroll the page as well.
      strip.scrollLeft = button.offsetLeft - strip.offsetLeft - (strip.clientWidth - button.offsetWidth) / 2;
    }
  }
}
