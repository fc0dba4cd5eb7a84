// The parts of the sample window: a bar of sizes and ways, the picture, and what is beside it.
/** @import { SampleRoot } from "./sample_types.js" */

import { drawButtons, makeTagBar } from "./desk_buttons.js";
import { make, makeButton, makeStatus } from "./elements.js";
import { makeHelpButton } from "./help.js";
import { perform } from "./sample_actions.js";
import { fit, makeFrame, originalPixels, zoom } from "./sample_picture.js";
import { go, step } from "./sample_walk.js";

/** @param {SampleRoot} root */
export function drawWindow(root) {
  root.items = new Map();
  root.pictures = new Map();
  root.asking = new Set();
  root.sequence = null;
  root.position = 0;
  root.direction = 1;
  root.isAside = false;
  root.setAttribute("aria-label", root.data.label);
  root.status = makeStatus();
  const picture = make("div", "stage");
  const frame = makeFrame(root);
  picture.append(drawBar(root), frame);
  root.side = make("div", "side");
  root.name = make("div", "name");
  root.lines = make("div", "lines");
  root.decided = make("div", "decided");
  root.whose = make("div", "line");
  root.original = make("a", "original", "Original file");
  root.original.setAttribute("download", "");
  root.beside = make("div", "beside");
  const buttons = drawButtons(root, true, (command) => perform(root, command));
  buttons.append(makeHelpButton(root));
  root.side.append(
    root.name,
    root.lines,
    root.decided,
    makeTagBar(root),
    buttons,
    root.whose,
    root.original,
    root.beside,
  );
  root.replaceChildren(picture, root.side, root.status);
}

/** @param {SampleRoot} root */
function drawBar(root) {
  const bar = make("div", "bar");
  bar.setAttribute("role", "toolbar");
  bar.setAttribute("aria-label", "Picture");
  root.previous = makeButton("button", "←", () => step(root, -1));
  root.next = makeButton("button", "→", () => step(root, 1));
  root.back = makeButton("button", "Back to the list", () => go(root, root.position));
  root.where = make("span", "where");
  root.previous.title = "Previous image (←)";
  root.next.title = "Next image (→)";
  const sizes = [
    named(
      makeButton("button", "−", () => zoom(root, -1)),
      "Zoom out",
    ),
    named(
      makeButton("button", "+", () => zoom(root, 1)),
      "Zoom in",
    ),
    named(
      makeButton("button", "Fit", () => fit(root)),
      "Fit (F)",
    ),
    named(
      makeButton("button", "1 : 1", () => originalPixels(root)),
      "Original pixels (O)",
    ),
  ];
  bar.append(
    named(root.previous, "Previous image"),
    root.where,
    named(root.next, "Next image"),
    root.back,
    ...sizes,
    root.frame.level,
  );
  return bar;
}

/** @param {HTMLButtonElement} button @param {string} name */
function named(button, name) {
  button.setAttribute("aria-label", name);
  button.title ||= name;
  return button;
}
