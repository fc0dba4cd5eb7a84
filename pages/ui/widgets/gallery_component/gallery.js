// Streamlit calls the default export again whenever data or theme change, on the same parentElement, without cleaning up
// in between: what is drawn is kept while it is still right, so that neither focus, scrolling nor pictures are lost.
// Titles, captions and keys come from file names and labels: they only ever become textContent and attribute values.
/** @import { GalleryData, GalleryRoot, Mount } from "./types.js" */

import { make, makeStatus } from "./elements.js";
import { click, press, pressAnywhere } from "./gallery_input.js";
import { drawSection } from "./gallery_sections.js";
import { refresh } from "./gallery_selection.js";
import { makeTabStop, scrollTogether, sequenceAt, showTwins, tileOf, tilesOf } from "./gallery_tiles.js";
import { applyView, drawTools, fit, SCROLL_BAR } from "./gallery_view.js";
import { listen } from "./keyboard.js";
import { acknowledge } from "./outbox.js";
import { offer } from "./sequence.js";
import { drawViewer } from "./viewer.js";

/** @param {Mount<GalleryData>} mount */
export default function ({ parentElement, data, setTriggerValue, setStateValue }) {
  const root = /** @type {GalleryRoot} */ (parentElement.querySelector(".gallery"));
  const isNew = root.drawn === undefined;
  root.data = data;
  root.trigger = setTriggerValue;
  root.keep = setStateValue;
  root.report = (actions) => setTriggerValue("acted", { actions });
  if (isNew) {
    begin(root);
  }
  listen(root, (event) => pressAnywhere(root, event));
  const drawn = JSON.stringify([
    data.layout,
    data.label,
    data.sections,
    data.tools,
    data.can_decide,
    data.opens,
    data.inspects,
  ]);
  if (root.drawn !== drawn) {
    draw(root);
    root.drawn = drawn;
    root.seen = null;
  }
  if (root.seen !== JSON.stringify([data.size, data.show])) {
    root.seen = JSON.stringify([data.size, data.show]);
    applyView(root, data.size, data.show);
  }
  fit(root);
  acknowledge(root);
  refresh(root);
  offer(root, (key) => sequenceAt(root, key));
}

/** @param {GalleryRoot} root */
function begin(root) {
  root.selection = new Set();
  root.body = make("div", "body");
  root.status = makeStatus();
  root.viewer = drawViewer();
  root.replaceChildren(root.body, root.status, root.viewer);
  root.addEventListener("click", (event) => click(root, event));
  root.addEventListener("keydown", (event) => press(root, event));
  root.addEventListener("focusin", (event) => makeTabStop(root, tileOf(event)));
  for (const name of ["focusin", "mouseover"]) {
    root.addEventListener(name, (event) => showTwins(root, tileOf(event)));
  }
  root.addEventListener("mouseleave", () => showTwins(root, null));
  new ResizeObserver(() => fit(root, SCROLL_BAR)).observe(root);
  // Scrolling does not bubble.
  root.addEventListener("scroll", (event) => scrollTogether(root, event.target), true);
}

/** @param {GalleryRoot} root */
function draw(root) {
  const { data } = root;
  const tree = /** @type {Document | ShadowRoot} */ (root.getRootNode());
  const held = /** @type {HTMLElement | null | undefined} */ (tree.activeElement?.closest?.(".tile"));
  const address = held && [held.dataset.section, held.dataset.key];
  root.className = `gallery ${data.layout}`;
  root.fitting = null;
  root.setAttribute("aria-label", data.label);
  root.byKey = new Map(data.sections.flatMap((section) => section.tiles.map((tile) => [tile.sample_key, tile])));
  const tools = data.tools.length ? [drawTools(root)] : [];
  root.body.replaceChildren(...tools, ...data.sections.map((section, index) => drawSection(root, section, index)));
  root.selection = new Set([...root.selection].filter((key) => root.byKey.has(key)));
  const tiles = tilesOf(root);
  const kept = address && tiles.find((tile) => tile.dataset.section === address[0] && tile.dataset.key === address[1]);
  makeTabStop(root, kept || tiles.find((tile) => tile.dataset.key === data.selected) || tiles[0]);
  kept?.focus({ preventScroll: true });
  if (root.viewer.open) {
    root.viewer.tile = tiles.find((tile) => tile.dataset.key === root.viewer.tile?.dataset.key);
    root.viewer.tile || root.viewer.close();
  }
}
