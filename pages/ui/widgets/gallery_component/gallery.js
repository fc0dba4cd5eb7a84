// Streamlit calls the default export again whenever data or theme change, on the same parentElement, without cleaning up
// in between: what is drawn is kept while it is still right, so that neither focus, scrolling nor pictures are lost.
// Titles, captions and keys come from file names and labels: they only ever become textContent and attribute values.

const GROUP_NAMES = { least: "Least likely", random: "Random", most: "Most likely" };
const TOGGLES = { score: "Score", percentile: "Percentile", label: "Label", bar: "Bar" };
const TOGGLE_TITLES = {
  score: "JEPA-SCORE in nats: higher is more likely; ≈ is an estimate, with its interval below",
  percentile: "Share of its class, or of the group that the page names, with a lower score",
  label: "Class of the image",
  bar: "Percentile as a bar, from blue (unlikely) to gold (likely)",
};
const MOVES = [
  [["←", "→", "↑", "↓", "Home", "End"], "Move to another image"],
  [["Enter"], "Open the sample window"],
  [["Space"], "Enlarge the image"],
  [["X"], "Select or deselect the image"],
  [["Shift + ←", "Shift + →"], "Select a range (also Shift + click); Ctrl + click adds one image"],
  [["Ctrl + A"], "Select all images on this page; the next decision applies to all selected"],
  [["Esc"], "Clear the selection"],
];
const SETTLE_MILLISECONDS = 250;
// Tiles that fit the width are neither too small to see nor larger than a thumbnail looks good.
const SMALLEST_FIT = 56;
const LARGEST_FIT = 160;
// Smaller tiles may take away the scroll bar, which leaves this much more width: that is no reason to enlarge them.
const SCROLL_BAR = 20;

export default function ({ parentElement, data, setTriggerValue, setStateValue }) {
  const root = parentElement.querySelector(".gallery");
  const isNew = root.drawn === undefined;
  root.data = data;
  root.trigger = setTriggerValue;
  root.keep = setStateValue;
  root.report = (actions) => setTriggerValue("acted", { actions });
  if (isNew) {
    begin(root);
  }
  listen(root, (event) => pressAnywhere(root, event));
  const drawn = JSON.stringify([data.layout, data.label, data.sections, data.tools, data.can_decide, data.opens]);
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
}

function begin(root) {
  root.selection = new Set();
  root.body = make("div", "body");
  root.status = makeStatus();
  root.viewer = drawViewer();
  root.replaceChildren(root.body, root.status, root.viewer);
  root.addEventListener("click", (event) => click(root, event));
  root.addEventListener("keydown", (event) => press(root, event));
  root.addEventListener("focusin", (event) => makeTabStop(root, event.target.closest(".tile")));
  for (const name of ["focusin", "mouseover"]) {
    root.addEventListener(name, (event) => showTwins(root, event.target.closest(".tile")));
  }
  root.addEventListener("mouseleave", () => showTwins(root, null));
  new ResizeObserver(() => fit(root, SCROLL_BAR)).observe(root);
  // Scrolling does not bubble.
  root.addEventListener("scroll", (event) => scrollTogether(root, event.target), true);
}

// Drawing

function draw(root) {
  const { data } = root;
  const held = root.getRootNode().activeElement?.closest?.(".tile");
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
    root.viewer.tile = tiles.find((tile) => tile.dataset.key === root.viewer.tile.dataset.key);
    root.viewer.tile || root.viewer.close();
  }
}

function drawTools(root) {
  const bar = make("div", "tools");
  bar.setAttribute("role", "toolbar");
  bar.setAttribute("aria-label", `View of ${root.data.label}`);
  const size = make("label", "size", "Size");
  root.slider = size.appendChild(document.createElement("input"));
  Object.assign(root.slider, { type: "range", min: 48, max: 256, step: 8 });
  root.slider.oninput = () => {
    setFits(root, false);
    root.style.setProperty("--size", `${root.slider.value}px`);
  };
  root.slider.onchange = () => tellView(root);
  bar.append(size);
  if (root.data.can_fit) {
    root.fitting = bar.appendChild(makeButton("toggle", "Fit", () => makeFit(root)));
    root.fitting.title = "Largest tiles that fit all least likely, and all most likely, images in one row";
  }
  for (const name of root.data.tools.filter((tool) => TOGGLES[tool])) {
    const toggle = bar.appendChild(makeButton("toggle", TOGGLES[name]));
    toggle.dataset.toggle = name;
    toggle.title = TOGGLE_TITLES[name];
    toggle.onclick = () => {
      root.classList.toggle(`hide-${name}`);
      toggle.setAttribute("aria-pressed", String(!root.classList.contains(`hide-${name}`)));
      tellView(root);
    };
  }
  root.chosen = bar.appendChild(make("span", "chosen"));
  const rows = [...helpRows(root.data.can_decide ? Object.keys(KEYS) : ["help"]), ...MOVES];
  makeHelp(root, rows);
  // Read out with every list of images.
  const hint = bar.appendChild(make("span", "status", rows.map(([keys, meaning]) => `${keys.join(", ")}: ${meaning}`).join(". ")));
  hint.id = "hint";
  bar.append(makeHelpButton(root));
  return bar;
}

function drawSection(root, section, index) {
  const element = make("section", section.title || index === 0 ? "section" : "section follows");
  if (section.title || section.subtitle || section.row) {
    const heading = element.appendChild(make("div", "heading"));
    const title = make("h3", "title", section.title);
    if (root.data.opens) {
      title.replaceChildren(makeButton("open", section.title, () => root.trigger("opened", index)));
    }
    heading.append(...(section.title ? [title] : []));
    heading.append(...(section.row ? [make("span", "row-name", section.row)] : []));
    heading.append(make("span", "subtitle", section.subtitle), ...(section.box ? [drawBox(section.box)] : []));
    element.setAttribute("aria-label", [section.title, section.row].filter(Boolean).join(", "));
  }
  if (!section.tiles.length) {
    element.append(make("div", "empty", "No images"));
  }
  const byTones = byTone(section.tiles);
  const sides = byTones.filter((tiles) => tiles[0].tone && tiles[0].tone !== "random").length;
  const groups = element.appendChild(make("div", sides === 2 ? "groups sides" : "groups"));
  for (const tiles of byTones) {
    const group = groups.appendChild(make("div", "group"));
    const tone = tiles[0].tone;
    if (tone) {
      group.dataset.tone = tone;
      group.append(make("div", "group-name", GROUP_NAMES[tone]));
    }
    const list = group.appendChild(make("div", "tiles"));
    list.setAttribute("role", "listbox");
    list.setAttribute("aria-multiselectable", "true");
    list.setAttribute("aria-describedby", "hint");
    list.setAttribute("aria-label", [section.title, section.row, GROUP_NAMES[tone]].filter(Boolean).join(", ") || "Images");
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

// Whiskers, quartiles and median, in percent of an axis that all boxes of the gallery share.
function drawBox(box) {
  const element = make("span", "box");
  element.setAttribute("role", "img");
  element.setAttribute("aria-label", box.text);
  element.title = box.text;
  for (const [name, from, to] of [["whisker", box.low, box.high], ["quartiles", box.lower, box.upper], ["middle", box.median, box.median]]) {
    const part = element.appendChild(make("span", name));
    part.style.left = `${from}%`;
    part.style.width = `${to - from}%`;
  }
  return element;
}

function drawTile(tile, section) {
  const element = make("div", "tile");
  element.setAttribute("role", "option");
  element.tabIndex = -1;
  element.title = tile.tooltip;
  element.dataset.key = tile.sample_key;
  element.dataset.section = section;
  element.append(drawImage(element, tile));
  if (tile.caption || tile.badge) {
    const line = element.appendChild(make("span", "line"));
    line.append(make("span", "caption", tile.caption), make("span", "badge", tile.badge));
  }
  for (const name of ["note", "label"]) {
    if (tile[name]) {
      element.append(make("span", name, tile[name]));
    }
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
  image.src = thumbnail(tile);
  const tick = frame.appendChild(make("span", "tick"));
  tick.setAttribute("aria-hidden", "true");
  frame.append(make("span", "mark"));
  return frame;
}

function tilesOf(root) {
  return Array.from(root.querySelectorAll(".tile"));
}

// What changes without a redraw: size, what is shown, selection, marks

function applyView(root, size, show) {
  setFits(root, size === null);
  if (size !== null) {
    setSize(root, size);
  }
  for (const name of Object.keys(TOGGLES)) {
    root.classList.toggle(`hide-${name}`, !show.includes(name));
    root.querySelector(`[data-toggle="${name}"]`)?.setAttribute("aria-pressed", String(show.includes(name)));
  }
}

function setSize(root, size) {
  root.style.setProperty("--size", `${size}px`);
  if (root.slider) {
    root.slider.value = size;
  }
}

function setFits(root, fits) {
  root.classList.toggle("fits", fits);
  root.fitting?.setAttribute("aria-pressed", String(fits));
  root.fitted = undefined;
}

function makeFit(root) {
  setFits(root, true);
  fit(root);
  tellView(root);
}

// One size for all sections. What is a little wider than the last time is left as it is, see SCROLL_BAR.
function fit(root, tolerance = 0) {
  const lists = [...root.querySelectorAll(".tiles")];
  const sides = lists.filter((list) => list.matches(".sides > :not([data-tone='random']) > *"));
  const rows = sides.length ? sides : lists;
  const width = rows[0]?.clientWidth;
  if (!root.classList.contains("fits") || !width || (width >= root.fitted && width < root.fitted + tolerance)) {
    return;
  }
  root.fitted = width;
  const gap = parseFloat(getComputedStyle(rows[0]).columnGap);
  const columns = evenColumns(Math.max(...rows.map((list) => list.childElementCount)), width, SMALLEST_FIT, gap);
  const size = Math.min(LARGEST_FIT, Math.floor((width + gap) / columns - gap));
  setSize(root, size);
  for (const list of lists) {
    list.style.setProperty("--columns", evenColumns(list.childElementCount, list.clientWidth, size, gap));
  }
}

// As few rows as possible, as even as possible.
function evenColumns(count, width, size, gap) {
  const most = Math.max(1, Math.floor((width + gap) / (size + gap)));
  return Math.ceil(count / Math.ceil(count / most));
}

function tellView(root) {
  const show = Object.keys(TOGGLES).filter((name) => !root.classList.contains(`hide-${name}`));
  const size = root.classList.contains("fits") ? null : Number(root.slider.value);
  root.trigger("viewed", { size, show });
}

function refresh(root) {
  const { marks } = root.data.can_decide ? foretell(root) : root.data;
  for (const tile of tilesOf(root)) {
    const { key } = tile.dataset;
    const mark = MARKS[marks[key]] ?? "";
    tile.setAttribute("aria-selected", String(root.selection.has(key)));
    if (key === root.data.selected) {
      tile.setAttribute("aria-current", "true");
    } else {
      tile.removeAttribute("aria-current");
    }
    tile.dataset.mark = mark && marks[key];
    tile.querySelector(".mark").textContent = mark;
  }
  root.chosen?.replaceChildren(...drawChosen(root));
  if (root.viewer.open) {
    showInViewer(root, root.viewer.tile, MARKS[marks[root.viewer.tile.dataset.key]] ?? "");
  }
}

function drawChosen(root) {
  const count = root.selection.size;
  if (!count) {
    return [];
  }
  const verdicts = root.data.can_decide ? VERDICTS : [];
  return [
    make("span", "count", `${count} selected`),
    ...verdicts.map((kind) => makeButton("toggle", MARKS[kind] ?? TITLES[kind], () => act(root, kind))),
    makeButton("toggle", "Clear", () => select(root, [])),
  ];
}

// Selection and decisions

function select(root, keys) {
  root.selection = new Set(keys);
  refresh(root);
  if (root.data.collects) {
    clearTimeout(root.settling);
    root.settling = setTimeout(() => root.keep("chosen", [...root.selection]), SETTLE_MILLISECONDS);
  }
  say(root, `${root.selection.size} selected`);
}

function toggle(root, tile) {
  const { key } = tile.dataset;
  root.anchor = tile;
  const others = [...root.selection].filter((other) => other !== key);
  select(root, root.selection.has(key) ? others : [...others, key]);
}

function selectRange(root, from, to) {
  const tiles = tilesOf(root);
  const start = tiles.includes(root.anchor) ? root.anchor : from;
  root.anchor = start;
  const [first, last] = [tiles.indexOf(start), tiles.indexOf(to)].sort((one, other) => one - other);
  select(root, tiles.slice(first, last + 1).map((tile) => tile.dataset.key));
}

// Apply a verdict to the selection, or else to one tile.
function act(root, kind, tile) {
  const keys = root.selection.size ? [...root.selection] : [tile.dataset.key];
  record(root, kind, keys.map((key) => root.byKey.get(key)));
  if (root.selection.size) {
    select(root, []);
  }
  refresh(root);
  say(root, `${DONE[kind]} ${keys.length === 1 ? keys[0] : keys.length + " images"}`);
}

// Undo or redo, and move to the image concerned.
function turnBack(root, kind) {
  const found = foretell(root);
  const key = turnedKey(found, kind);
  if (!(kind === "undo" ? found.numUndo : found.numRedo)) {
    say(root, `Nothing to ${kind}`);
    return true;
  }
  record(root, kind, []);
  refresh(root);
  say(root, `${kind === "undo" ? "Undid" : "Redid"} the last decision${key === undefined ? "" : `: ${key}`}`);
  const tile = tilesOf(root).find((other) => other.dataset.key === key);
  if (tile) {
    goTo(root, tile);
  }
  return true;
}

// Mouse and keyboard

function click(root, event) {
  const tile = event.target.closest(".tile");
  if (!tile) {
    return;
  }
  if (event.shiftKey) {
    selectRange(root, root.tabStop ?? tile, tile);
  } else if (event.ctrlKey || event.metaKey || event.target.closest(".tick")) {
    toggle(root, tile);
  } else {
    root.anchor = tile;
    pick(root, tile);
  }
  tile.focus({ preventScroll: true });
}

function pick(root, tile) {
  root.trigger("picked", { section: Number(tile.dataset.section), sample_key: tile.dataset.key });
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

function press(root, event) {
  const isViewing = root.viewer.open;
  const tile = isViewing ? root.viewer.tile : event.target.closest(".tile");
  if (!tile || event.altKey) {
    return;
  }
  const isHandled =
    event.ctrlKey || event.metaKey ? selectAll(root, event.key) : move(root, tile, event) || command(root, tile, event);
  if (isHandled) {
    event.preventDefault();
    event.stopPropagation();
  }
}

function selectAll(root, key) {
  if (key.toLowerCase() !== "a") {
    return false;
  }
  select(root, root.byKey.keys());
  return true;
}

// Wherever the focus is, on another tile or none.
function pressAnywhere(root, event) {
  const kind = commandOf(event);
  if (kind === "help") {
    return Boolean(root.help) && toggleHelp(root);
  }
  const isTurn = kind === "undo" || kind === "redo";
  return isTurn && root.data.can_decide && !root.help?.open && !event.repeat && turnBack(root, kind);
}

function command(root, tile, event) {
  const kind = commandOf(event);
  if (VERDICTS.includes(kind)) {
    // A held key is not a second decision.
    return root.data.can_decide && (event.repeat || decide(root, tile, kind));
  }
  if (kind) {
    return pressAnywhere(root, event);
  }
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const { viewer } = root;
  const commands = {
    " ": () => (viewer.open ? viewer.close() : showInViewer(root, tile)),
    Enter: () => (viewer.close(), pick(root, tile)),
    x: () => toggle(root, tile),
    Escape: () => (viewer.open ? viewer.close() : root.selection.size && select(root, [])),
  };
  commands[key]?.();
  return key in commands;
}

// A single decision moves to the next image, so that one finger is enough for a whole page.
function decide(root, tile, kind) {
  const goesOn = !root.selection.size;
  act(root, kind, tile);
  const tiles = tilesOf(root);
  const next = goesOn && tiles[tiles.indexOf(tile) + 1];
  if (next) {
    goTo(root, next);
  }
  return true;
}

function goTo(root, tile) {
  makeTabStop(root, tile);
  if (root.viewer.open) {
    showInViewer(root, tile);
  } else {
    tile.focus();
  }
}

function move(root, tile, event) {
  const tiles = tilesOf(root);
  const here = tiles.indexOf(tile);
  const moves = {
    ArrowRight: () => tiles[here + 1],
    ArrowLeft: () => tiles[here - 1],
    ArrowDown: () => nearest(tiles, here, 1),
    ArrowUp: () => nearest(tiles, here, -1),
    Home: () => tiles[0],
    End: () => tiles.at(-1),
  };
  const target = moves[event.key]?.();
  if (target) {
    goTo(root, target);
    if (event.shiftKey) {
      selectRange(root, tile, target);
    } else {
      root.anchor = target;
    }
  }
  return event.key in moves;
}

// The same image in other blocks, for instance under another backbone.
function showTwins(root, tile) {
  for (const other of tilesOf(root)) {
    const isTwin = tile && other !== tile && other.dataset.key === tile.dataset.key;
    other.classList.toggle("twin", Boolean(isTwin));
  }
}

// Rows of one kind, such as the least likely under every backbone, show the same places.
function scrollTogether(root, list) {
  if (root.data.layout !== "row" || !list.matches?.(".tiles")) {
    return;
  }
  const { tone } = list.parentElement.dataset;
  for (const other of root.querySelectorAll(".tiles")) {
    if (other !== list && other.parentElement.dataset.tone === tone && other.scrollLeft !== list.scrollLeft) {
      other.scrollLeft = list.scrollLeft;
    }
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

// One image, large

function drawViewer() {
  const viewer = make("dialog", "viewer");
  viewer.setAttribute("aria-label", "Enlarged image");
  viewer.image = viewer.appendChild(document.createElement("img"));
  // The file may be gone, or another one by now: the thumbnail is what was indexed.
  viewer.image.onerror = () => {
    if (viewer.image.getAttribute("src") !== viewer.spare) {
      viewer.image.src = viewer.spare;
    }
  };
  viewer.image.onload = () => viewer.image.classList.toggle("tiny", viewer.image.naturalWidth < 128);
  viewer.text = viewer.appendChild(make("p", "viewer-text"));
  viewer.onclick = () => viewer.close();
  viewer.onclose = () => viewer.tile?.focus();
  return viewer;
}

function showInViewer(root, element, mark = element.querySelector(".mark").textContent) {
  const { viewer, data } = root;
  const tile = root.byKey.get(element.dataset.key);
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
