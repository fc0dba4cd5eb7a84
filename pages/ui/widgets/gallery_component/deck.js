// One image after another, one key per decision: a key applies to the image on the screen, and the next image appears
// immediately, without waiting for the server. Without a stage only the buttons are drawn.
// Names come from files and labels: they only ever become textContent and attribute values.

const NUM_AHEAD = 3;
const TINY_SIDE = 128;
const TELL_MILLISECONDS = 400;
const ICONS = { keep: "✓", drop: "✕", undecided: "?", undo: "↶", redo: "↷" };
const DECIDED = { keep: "keep", drop: "drop" };

export default function ({ parentElement, data, setTriggerValue }) {
  const root = parentElement.querySelector(".deck");
  const isFirst = root.data === undefined;
  root.data = data;
  root.cards = new Map(data.cards.map((card) => [card.sample_key, card]));
  root.keys = [...root.cards.keys()];
  root.report = (actions) => setTriggerValue("acted", { actions, at: toTell(root) });
  root.tell = () => setTriggerValue("moved", toTell(root));
  if (isFirst) {
    begin(root);
  }
  listen(root, (event) => press(root, event));
  settle(root, isFirst);
  acknowledge(root);
  drawStrip(root);
  refresh(root);
}

// Where we are: `at` is the key of the image on the screen, null behind the last. The page is told, and does not say it
// back: what it says is late by then. It leads only where it marks that it does.

function settle(root, isFirst) {
  const { at, queue, led } = root.data;
  if (root.queue !== queue || (led !== null && led !== root.led)) {
    root.at = at;
  } else if (root.at === null) {
    root.at = neighbour(root, root.after, 1) ?? null;
  } else if (!root.cards.has(root.at)) {
    root.at = at;
  }
  root.queue = queue;
  root.led = led;
  if (isFirst && root.data.stage) {
    leaveDecided(root);
  }
}

// After a reload: behind what was decided and not sent yet.
function leaveDecided(root) {
  const waiting = outbox(root);
  const then = waiting.at(-1)?.then;
  if (root.cards.has(then)) {
    root.at = then;
  }
  const decided = new Set(waiting.flatMap(({ kind, samples }) => (VERDICTS.includes(kind) ? samples.map(([key]) => key) : [])));
  while (waiting.at(-1)?.kind !== "undo" && decided.has(root.at)) {
    goTo(root, neighbour(root, root.at, 1) ?? null);
  }
}

function neighbour(root, key, step) {
  const place = root.keys.indexOf(key);
  return place < 0 ? undefined : root.keys[place + step];
}

function goTo(root, key) {
  if (key === null && root.at !== null) {
    root.after = root.at;
  }
  root.at = key;
  if (root.why) {
    root.why.value = "";
  }
}

function toTell(root) {
  if (outbox(root).at(-1)?.leads) {
    return null;
  }
  return root.at ?? root.after;
}

function step(root, by) {
  const key = root.at === null ? (by < 0 ? root.after : undefined) : neighbour(root, root.at, by);
  if (key !== undefined) {
    show(root, key);
  }
  return true;
}

function show(root, key) {
  goTo(root, key);
  refresh(root);
  clearTimeout(root.telling);
  root.telling = setTimeout(() => root.isConnected && root.tell(), TELL_MILLISECONDS);
}

// Decisions

function decide(root, kind) {
  const card = root.cards.get(root.at);
  if (!root.data.can_decide || !card) {
    say(root, "No image to decide on");
    return true;
  }
  const why = root.why?.value.trim() ?? "";
  const then = root.data.stage ? (neighbour(root, root.at, 1) ?? null) : root.at;
  goTo(root, then);
  record(root, kind, [card], { why, then });
  refresh(root);
  say(root, `${DONE[kind]} ${card.sample_key}`);
  return true;
}

// Undo goes to the image that is open again; redo goes on behind the one that is decided again. Where that one is not
// here, the server leads there.
function turnBack(root, kind) {
  const found = foretell(root);
  if (!(kind === "undo" ? found.numUndo : found.numRedo)) {
    say(root, `Nothing to ${kind}`);
    return true;
  }
  const key = turnedKey(found, kind);
  if (!root.data.stage) {
    record(root, kind, []);
  } else if (root.cards.has(key)) {
    const then = kind === "undo" ? key : (neighbour(root, key, 1) ?? null);
    if (then === null) {
      root.at = key;
    }
    goTo(root, then);
    record(root, kind, [], { then });
  } else {
    record(root, kind, [], { leads: true });
  }
  refresh(root);
  say(root, `${kind === "undo" ? "Undid" : "Redid"} the last decision${key === undefined ? "" : `: ${key}`}`);
  return true;
}

function perform(root, command) {
  return VERDICTS.includes(command) ? decide(root, command) : turnBack(root, command);
}

function press(root, event) {
  const command = commandOf(event);
  if (command === "help") {
    return toggleHelp(root);
  }
  if (root.help.open || !root.data.can_decide) {
    return false;
  }
  if (command) {
    // A held key is not a second decision. Without an image, verdicts are another component's.
    const isOurs = !VERDICTS.includes(command) || root.data.stage || root.keys.length > 0;
    return isOurs && (event.repeat || perform(root, command));
  }
  const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  const isPlain = !(event.ctrlKey || event.metaKey || event.altKey || event.shiftKey || event.defaultPrevented);
  return Boolean(by && isPlain && root.data.stage && !isIn(event, ARROW_USERS)) && step(root, by);
}

// Drawing

function begin(root) {
  const { stage, cards, label } = root.data;
  root.setAttribute("aria-label", label);
  root.classList.toggle("staged", stage);
  root.status = makeStatus();
  root.buttons = {};
  root.decided = make("div", "decided");
  const buttons = drawButtons(root, cards.length > 0);
  root.side = make("div", "side");
  const parts = [];
  if (stage) {
    root.frame = make("div", "frame");
    root.name = make("div", "name");
    root.lines = make("div", "lines");
    root.original = make("a", "original", "Original file");
    root.original.setAttribute("download", "");
    root.strip = make("div", "strip");
    root.side.append(root.name, root.lines, root.decided, drawWhy(root), buttons, root.original);
    parts.push(root.frame, root.side, root.strip);
  } else {
    root.side.append(buttons, ...(cards.length ? [root.decided] : []));
    parts.push(root.side);
  }
  root.replaceChildren(...parts, root.status);
  const commands = Object.keys(KEYS).filter((command) => cards.length || !VERDICTS.includes(command));
  const moves = stage ? [[["←", "→"], "Move to another image without deciding"]] : [];
  makeHelp(root, [...helpRows(commands), ...moves]);
  root.pictures = new Map();
  new ResizeObserver(() => fitPicture(root)).observe(root);
}

function drawWhy(root) {
  const label = make("label", "why", "Reason (optional)");
  root.why = label.appendChild(document.createElement("input"));
  root.why.maxLength = 200;
  // Enter ends the text: the next key is a decision again.
  root.why.addEventListener("keydown", (event) => event.key === "Enter" && root.why.blur());
  return label;
}

function drawButtons(root, decides) {
  const buttons = make("div", "buttons");
  const commands = decides ? [...VERDICTS, "undo", "redo"] : ["undo", "redo"];
  for (const command of commands) {
    const button = makeButton(`button ${command}`, "", () => button.ariaDisabled !== "true" && perform(root, command));
    const icon = make("span", "icon", ICONS[command]);
    icon.setAttribute("aria-hidden", "true");
    button.text = make("span", "text", TITLES[command]);
    const key = make("kbd", "key", KEYS[command].toUpperCase());
    key.setAttribute("aria-hidden", "true");
    button.append(icon, button.text, key);
    button.ariaDisabled = String(!root.data.can_decide);
    root.buttons[command] = buttons.appendChild(button);
  }
  if (root.data.stage) {
    buttons.append(makeButton("button", "Back", () => step(root, -1)), makeButton("button", "Next", () => step(root, 1)));
  }
  buttons.append(makeHelpButton(root));
  return buttons;
}

function refresh(root) {
  const found = foretell(root);
  const verdict = found.marks[root.at];
  for (const [command, number] of [["undo", found.numUndo], ["redo", found.numRedo]]) {
    root.buttons[command].text.textContent = `${TITLES[command]} (${number.toLocaleString("en-US")})`;
    root.buttons[command].ariaDisabled = String(!number);
  }
  for (const kind of VERDICTS.filter((name) => root.buttons[name])) {
    root.buttons[kind].setAttribute("aria-pressed", String(verdict === kind));
  }
  const card = root.cards.get(root.at);
  root.decided.textContent = card ? decidedText(root, card, verdict) : "";
  if (root.data.stage) {
    drawCard(root, card);
    markStrip(root, found.marks);
  }
}

function decidedText(root, card, verdict) {
  if (!DECIDED[verdict]) {
    return "No decision yet";
  }
  const isMine = verdict !== root.data.marks[card.sample_key] || !card.decided_by;
  return `Decided: ${DECIDED[verdict]} by ${isMine ? root.data.who : card.decided_by}`;
}

function drawCard(root, card) {
  const key = card?.sample_key ?? null;
  const rest = root.data.more ? "Loading the next images" : "End of the queue";
  root.name.textContent = card ? card.sample_key : rest;
  root.lines.replaceChildren(...(card?.lines ?? []).map((line) => make("div", "line", line)));
  root.original.hidden = !card;
  if (card) {
    root.original.href = `images/original/${encodeURIComponent(root.data.dataset)}/${encodeURIComponent(card.content_id)}`;
  }
  if (root.frame.dataset.content !== (card?.content_id ?? "") || root.frame.dataset.key !== key) {
    root.frame.dataset.content = card?.content_id ?? "";
    root.frame.dataset.key = key;
    root.frame.style.backgroundImage = card ? `url("${thumbnail(card)}")` : "";
    // A new element per image, so that none is ever shown under the name of the next.
    root.frame.replaceChildren(...(card ? [pictureOf(root, card)] : []));
    fitPicture(root);
  }
  fetchAhead(root);
}

function pictureOf(root, card) {
  const id = card.content_id;
  if (!root.pictures.has(id)) {
    const image = document.createElement("img");
    image.decoding = "async";
    image.onload = () => fitPicture(root);
    // The file may be gone, or another one by now: the thumbnail is what was indexed.
    image.onerror = () => {
      if (image.getAttribute("src") !== thumbnail(card)) {
        image.src = thumbnail(card);
      } else {
        // Neither came, for instance while the server was away: it is requested again the next time.
        root.pictures.delete(id);
      }
    };
    image.src = largeView(root.data.dataset, card);
    root.pictures.set(id, image);
  }
  const image = root.pictures.get(id);
  image.alt = card.sample_key;
  return image;
}

function fetchAhead(root) {
  const place = root.keys.indexOf(root.at);
  const near = place < 0 ? [] : root.keys.slice(Math.max(0, place - 1), place + NUM_AHEAD + 1);
  const cards = near.map((key) => root.cards.get(key));
  cards.forEach((card) => pictureOf(root, card));
  const kept = new Set(cards.map((card) => card.content_id));
  for (const id of root.pictures.keys()) {
    if (!kept.has(id)) {
      root.pictures.delete(id);
    }
  }
}

// Images of a few pixels are shown as squares of pixels, by a whole factor; all others as large as fits.
function fitPicture(root) {
  const image = root.frame?.querySelector("img");
  const longest = image ? Math.max(image.naturalWidth, image.naturalHeight) : 0;
  if (!longest) {
    return;
  }
  root.frame.style.backgroundImage = "";
  const isTiny = longest < TINY_SIDE;
  const room = Math.min(root.frame.clientWidth / image.naturalWidth, root.frame.clientHeight / image.naturalHeight);
  const factor = Math.max(1, Math.floor(room));
  image.className = isTiny ? "tiny" : "";
  image.style.width = isTiny ? `${image.naturalWidth * factor}px` : "";
  image.style.height = isTiny ? `${image.naturalHeight * factor}px` : "";
}

function drawStrip(root) {
  const drawn = JSON.stringify(root.data.cards.map((card) => [card.sample_key, card.content_id]));
  if (!root.data.stage || root.drawn === drawn) {
    return;
  }
  root.drawn = drawn;
  root.strip.setAttribute("role", "group");
  root.strip.setAttribute("aria-label", "Queue");
  root.strip.replaceChildren(
    ...root.data.cards.map((card) => {
      const button = makeButton("stop", "", () => show(root, card.sample_key));
      button.dataset.key = card.sample_key;
      button.title = card.sample_key;
      button.setAttribute("aria-label", card.sample_key);
      button.tabIndex = -1;
      const image = button.appendChild(document.createElement("img"));
      Object.assign(image, { loading: "lazy", decoding: "async", alt: "", src: thumbnail(card) });
      button.append(make("span", "mark"));
      return button;
    }),
  );
}

function markStrip(root, marks) {
  for (const button of root.strip.children) {
    const { key } = button.dataset;
    button.dataset.mark = MARKS[marks[key]] ? marks[key] : "";
    button.querySelector(".mark").textContent = MARKS[marks[key]] ?? "";
    const isHere = key === root.at;
    button.ariaCurrent = isHere ? "true" : null;
    button.tabIndex = isHere ? 0 : -1;
    if (isHere) {
      // Not scrollIntoView, which would scroll the page as well.
      root.strip.scrollLeft = button.offsetLeft - root.strip.offsetLeft - (root.strip.clientWidth - button.offsetWidth) / 2;
    }
  }
}
