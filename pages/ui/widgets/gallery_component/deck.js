// One image after another, one key per decision: a key applies to the image on the screen, and the next image appears
// immediately, without waiting for the server. Without a stage only the buttons are drawn.
// Names come from files and labels: they only ever become textContent and attribute values.
/** @import { Command, DeckData, DeckRoot, HelpRow, Mount } from "./types.js" */

import { openWindow, perform, press, show, step, tagCard } from "./deck_actions.js";
import { fitPicture } from "./deck_pictures.js";
import { settle, toTell } from "./deck_position.js";
import { drawStrip, refresh } from "./deck_view.js";
import { drawButtons, drawTagButtons, makeTagBar } from "./desk_buttons.js";
import { make, makeButton, makeStatus } from "./elements.js";
import { helpRows, makeHelp, makeHelpButton } from "./help.js";
import { listen } from "./keyboard.js";
import { acknowledge, outbox } from "./outbox.js";
import { TAG_HELP, toggleTag } from "./tags.js";
import { isVerdict } from "./verdicts.js";

/** @param {Mount<DeckData>} mount */
export default function ({ parentElement, data, setTriggerValue }) {
  const root = /** @type {DeckRoot} */ (/** @type {unknown} */ (parentElement.querySelector(".deck")));
  const isFirst = root.data === undefined;
  root.data = data;
  root.cards = new Map(data.cards.map((card) => [card.sample_key, card]));
  root.keys = [...root.cards.keys()];
  root.report = (actions) => setTriggerValue("acted", { actions, at: toTell(root, actions) });
  root.open = (key) => setTriggerValue("opened", key);
  root.tell = () => setTriggerValue("moved", toTell(root, outbox(root)));
  if (isFirst) {
    begin(root);
  }
  listen(root, (event) => press(root, event));
  settle(root, isFirst ? outbox(root) : []);
  acknowledge(root);
  drawStrip(root, (key) => show(root, key));
  drawTagButtons(root, (tag) => tagCard(root, (items, next) => toggleTag(root, tag, items, next)));
  refresh(root);
}

/** @param {DeckRoot} root */
function begin(root) {
  const { stage, cards, keys, label } = root.data;
  root.setAttribute("aria-label", label);
  root.classList.toggle("staged", stage);
  root.status = makeStatus();
  root.decided = make("div", "decided");
  makeTagBar(root);
  const buttons = drawButtons(root, cards.length > 0, (command) => perform(root, command));
  if (stage) {
    buttons.append(
      makeButton("button", "Back", () => step(root, -1)),
      makeButton("button", "Next", () => step(root, 1)),
      makeButton("button", "Open", () => openWindow(root)),
    );
  }
  buttons.append(makeHelpButton(root));
  root.side = make("div", "side");
  const parts = [];
  if (stage) {
    root.frame = make("div", "frame");
    root.frame.onclick = () => openWindow(root);
    root.name = make("div", "name");
    root.lines = make("div", "lines");
    root.original = make("a", "original", "Original file");
    root.original.setAttribute("download", "");
    root.strip = make("div", "strip");
    root.side.append(root.name, root.lines, root.decided, root.tags, drawWhy(root), buttons, root.original);
    parts.push(root.frame, root.side, root.strip);
  } else {
    root.side.append(buttons, ...(cards.length ? [root.decided, root.tags] : []));
    parts.push(root.side);
  }
  root.replaceChildren(...parts, root.status);
  const all = /** @type {Command[]} */ (Object.keys(keys));
  const commands = all.filter((command) => cards.length || !isVerdict(command));
  /** @type {HelpRow[]} */
  const moves = stage
    ? [
        [["←", "→"], "Move to another image without deciding"],
        [["Enter"], "Open the sample window"],
      ]
    : [];
  makeHelp(root, [...helpRows(keys, commands), ...(cards.length ? [TAG_HELP] : []), ...moves]);
  root.pictures = new Map();
  new ResizeObserver(() => fitPicture(root)).observe(root);
}

/** @param {DeckRoot} root */
function drawWhy(root) {
  const label = make("label", "why", "Reason (optional)");
  const why = label.appendChild(document.createElement("input"));
  why.maxLength = 200;
  // Enter ends the text: the next key is a decision again.
  why.addEventListener("keydown", (event) => event.key === "Enter" && why.blur());
  root.why = why;
  return label;
}
