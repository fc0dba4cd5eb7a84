// One image of a gallery, large.
/** @import { GalleryRoot, Viewer } from "./types.js" */

import { largeView, make, thumbnail } from "./elements.js";

const TINY_SIDE = 128;

export function drawViewer() {
  const viewer = /** @type {Viewer} */ (make("dialog", "viewer"));
  viewer.setAttribute("aria-label", "Enlarged image");
  const image = viewer.appendChild(document.createElement("img"));
  // The file may be gone, or another one by now: the thumbnail is what was indexed.
  image.onerror = () => {
    if (image.getAttribute("src") !== viewer.spare) {
      image.src = viewer.spare;
    }
  };
  image.onload = () => image.classList.toggle("tiny", image.naturalWidth < TINY_SIDE);
  viewer.image = image;
  viewer.text = viewer.appendChild(make("p", "viewer-text"));
  viewer.onclick = () => viewer.close();
  viewer.onclose = () => viewer.tile?.focus();
  return viewer;
}

/**
 * @param {Pick<GalleryRoot, "viewer" | "byKey"> & { data: { dataset: string | null } }} root
 * @param {HTMLElement} element
 * @param {string} [mark]
 */
export function showInViewer(root, element, mark = element.querySelector(".mark")?.textContent ?? "") {
  const { viewer, data } = root;
  const tile = root.byKey.get(element.dataset.key ?? "");
  if (!tile) {
    return;
  }
  if (viewer.tile !== element || !viewer.open) {
    viewer.spare = thumbnail(tile);
    viewer.image.alt = tile.sample_key;
    viewer.image.src = data.dataset ? largeView(data.dataset, tile) : viewer.spare;
  }
  viewer.tile = element;
  viewer.text.textContent = [tile.tooltip || tile.sample_key, mark].filter(Boolean).join("\n");
  if (!viewer.open) {
    viewer.showModal();
  }
}
