// What is beside a sample: copies of its bytes, images that look alike, and the nearest by embedding.
/** @import { BesideGroup, SampleRoot, Seen } from "./sample_types.js" */

import { make, makeButton, thumbnail } from "./elements.js";
import { ask } from "./server.js";

/** @param {SampleRoot} root @param {(item: Seen) => void} open */
export async function askBeside(root, open) {
  const key = root.at.sample_key;
  if (root.beside.dataset.key === key) {
    return;
  }
  root.besideAsked?.abort();
  const request = new AbortController();
  root.besideAsked = request;
  const { route, query, has_embeddings } = root.data;
  const parameters = new URLSearchParams(query);
  parameters.set("key", key);
  const names = has_embeddings ? ["copies", "nearest"] : ["copies"];
  /** @type {BesideGroup[]} */
  const groups = [];
  root.beside.setAttribute("aria-busy", "true");
  for (const name of names) {
    try {
      const found = await ask(`${route}/${name}?${parameters}`, request.signal);
      groups.push(...found.groups);
    } catch {
      // Nobody waits for it any more, or it cannot be compared, which the page says below.
    }
    if (request.signal.aborted) {
      return;
    }
    root.beside.dataset.key = key;
    const isLast = name === names.at(-1);
    const nothing = make("div", "line", "No copies, and nothing that looks alike");
    root.beside.replaceChildren(
      ...groups.map((group) => drawGroup(group, open)),
      ...(groups.length || !isLast ? [] : [nothing]),
    );
  }
  root.beside.setAttribute("aria-busy", "false");
}

/** What is beside another sample is gone. @param {SampleRoot} root */
export function clearBeside(root) {
  const { key } = root.beside.dataset;
  if (key !== undefined && key !== root.at.sample_key) {
    root.besideAsked?.abort();
    delete root.beside.dataset.key;
    root.beside.replaceChildren();
  }
}

/** @param {BesideGroup} group @param {(item: Seen) => void} open */
function drawGroup(group, open) {
  const element = make("section", "beside-group");
  element.setAttribute("aria-label", group.title);
  const heading = make("div", "heading");
  heading.append(make("span", "title", group.title), make("span", "about", group.about));
  const list = make("div", "strip");
  list.append(
    ...group.samples.map((item) => {
      const button = makeButton("twin", "", () => open(item));
      button.dataset.key = item.sample_key;
      button.title = item.sample_key;
      button.setAttribute("aria-label", `Open ${item.sample_key}, ${item.note}`);
      const image = button.appendChild(make("img", ""));
      Object.assign(image, { loading: "lazy", decoding: "async", alt: "", src: thumbnail(item) });
      button.append(make("span", "note", item.note));
      return button;
    }),
  );
  element.append(heading, list);
  return element;
}
