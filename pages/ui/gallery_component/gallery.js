// Streamlit calls the default export again whenever data or theme change, on the same parentElement, without cleaning up
// in between: what is drawn is kept while it is still right, so that neither focus, scrolling nor pictures are lost.
// Titles, captions and keys come from file names and labels: they only ever become textContent and attribute values.

const GROUP_NAMES = { least: "Least likely", random: "Random", most: "Most likely" };

export default function ({ parentElement, data, setTriggerValue }) {
  const root = parentElement.querySelector(".gallery");
  const drawn = JSON.stringify([data.layout, data.size, data.label, data.sections]);
  root.pick = (tile) => setTriggerValue("picked", { section: Number(tile.dataset.section), sample_key: tile.dataset.key });
  if (root.drawn === undefined) {
    listen(root);
  }
  if (root.drawn !== drawn) {
    draw(root, data);
    root.drawn = drawn;
  }
  for (const tile of tilesOf(root)) {
    tile.setAttribute("aria-pressed", String(tile.dataset.key === data.selected));
  }
}

function listen(root) {
  root.addEventListener("click", (event) => {
    const tile = event.target.closest(".tile");
    if (tile) {
      root.pick(tile);
    }
  });
  root.addEventListener("keydown", (event) => move(root, event));
  root.addEventListener("focusin", (event) => makeTabStop(root, event.target.closest(".tile")));
}

function draw(root, data) {
  const held = root.getRootNode().activeElement?.closest?.(".tile");
  const address = held && [held.dataset.section, held.dataset.key];
  root.className = `gallery ${data.layout}`;
  root.style.setProperty("--size", `${data.size}px`);
  root.setAttribute("aria-label", data.label);
  root.replaceChildren(...data.sections.map((section, index) => drawSection(section, index)));
  const tiles = tilesOf(root);
  const kept = address && tiles.find((tile) => tile.dataset.section === address[0] && tile.dataset.key === address[1]);
  makeTabStop(root, kept || tiles.find((tile) => tile.dataset.key === data.selected) || tiles[0]);
  kept?.focus({ preventScroll: true });
}

function drawSection(section, index) {
  const element = make("section", "section");
  if (section.title || section.subtitle) {
    const heading = element.appendChild(make("div", "heading"));
    heading.append(make("h3", "title", section.title), make("span", "subtitle", section.subtitle));
    element.setAttribute("aria-label", section.title);
  }
  if (!section.tiles.length) {
    element.append(make("div", "empty", "No images"));
  }
  const groups = element.appendChild(make("div", "groups"));
  for (const tiles of byTone(section.tiles)) {
    const group = groups.appendChild(make("div", "group"));
    const tone = tiles[0].tone;
    if (tone) {
      group.dataset.tone = tone;
      group.append(make("div", "group-name", GROUP_NAMES[tone]));
    }
    const list = group.appendChild(make("div", "tiles"));
    list.append(...tiles.map((tile) => drawTile(tile, index)));
  }
  return element;
}

function byTone(tiles) {
  const groups = [];
  for (const tile of tiles) {
    if (groups.at(-1)?.[0].tone === tile.tone) {
      groups.at(-1).push(tile);
    } else {
      groups.push([tile]);
    }
  }
  return groups;
}

function drawTile(tile, section) {
  const element = make("button", "tile");
  element.type = "button";
  element.tabIndex = -1;
  element.title = tile.tooltip;
  element.dataset.key = tile.sample_key;
  element.dataset.section = section;
  element.append(drawImage(element, tile));
  if (tile.caption || tile.badge) {
    const line = element.appendChild(make("span", "line"));
    line.append(make("span", "caption", tile.caption), make("span", "badge", tile.badge));
  }
  if (tile.percentile !== null) {
    element.appendChild(make("span", "bar")).style.setProperty("--percentile", tile.percentile);
  }
  return element;
}

function drawImage(element, tile) {
  const frame = make("span", "frame");
  const image = frame.appendChild(document.createElement("img"));
  image.loading = "lazy";
  image.decoding = "async";
  image.alt = tile.sample_key;
  image.onerror = () => element.classList.add("missing");
  image.src = `images/thumb/${encodeURIComponent(tile.content_id)}.webp`;
  return frame;
}

function make(name, className, text) {
  const element = document.createElement(name);
  element.className = className;
  if (text !== undefined) {
    element.textContent = text;
  }
  return element;
}

function tilesOf(root) {
  return Array.from(root.querySelectorAll(".tile"));
}

// One tab stop for the whole gallery; the arrow keys move within it.
function makeTabStop(root, tile) {
  if (!tile) {
    return;
  }
  root.tabStop?.setAttribute("tabindex", "-1");
  tile.setAttribute("tabindex", "0");
  root.tabStop = tile;
}

function move(root, event) {
  const tiles = tilesOf(root);
  const here = tiles.indexOf(event.target.closest(".tile"));
  if (here < 0 || event.altKey || event.ctrlKey || event.metaKey) {
    return;
  }
  const target = {
    ArrowRight: () => tiles[here + 1],
    ArrowLeft: () => tiles[here - 1],
    ArrowDown: () => nearest(tiles, here, 1),
    ArrowUp: () => nearest(tiles, here, -1),
    Home: () => tiles[0],
    End: () => tiles.at(-1),
  }[event.key]?.();
  if (target) {
    event.preventDefault();
    target.focus();
  }
}

function nearest(tiles, here, direction) {
  const from = tiles[here].getBoundingClientRect();
  let best;
  let bestDistance = Infinity;
  for (const tile of tiles) {
    const to = tile.getBoundingClientRect();
    const down = (to.top - from.top) * direction;
    const distance = down * 10000 + Math.abs(to.left - from.left);
    if (down > 1 && distance < bestDistance) {
      best = tile;
      bestDistance = distance;
    }
  }
  return best;
}
