// What galleries and Review share: elements, keys and their help, and decisions, which wait in an outbox until the server
// confirms them. KEYS, from the page, says which key does what.

const MARKS = { keep: "✓ keep", drop: "✕ drop" };
const TITLES = { keep: "Keep", drop: "Drop", undecided: "Undecided", undo: "Undo", redo: "Redo" };
const DONE = { keep: "Kept", drop: "Dropped", undecided: "Left undecided:" };
const MEANINGS = {
  keep: "Keep the image and move to the next",
  drop: "Drop the image and move to the next",
  undecided: "Leave the image undecided and move to the next",
  undo: "Undo your last decision",
  redo: "Redo the decision that you undid",
  help: "Show or hide this list",
};
const VERDICTS = ["keep", "drop", "undecided"];
const COMMANDS = Object.fromEntries(Object.entries(KEYS).map(([command, key]) => [key, command]));
const TEXT_FIELDS =
  'textarea, select, [role="combobox"], [role="textbox"], ' +
  "input:not([type=button], [type=checkbox], [type=radio], [type=range], [type=reset], [type=submit])";
// Elements that use the arrow keys themselves.
const ARROW_USERS = `${TEXT_FIELDS}, input, [role="radiogroup"], [role="listbox"], [role="slider"], [role="menu"], [role="tablist"]`;
const RESEND_MILLISECONDS = 2500;
const MOST_RESEND_MILLISECONDS = 20000;

// Elements

function make(name, className, text) {
  const element = document.createElement(name);
  element.className = className;
  if (text !== undefined) {
    element.textContent = text;
  }
  return element;
}

function makeButton(className, text, onclick) {
  const button = make("button", className, text);
  button.type = "button";
  button.onclick = onclick;
  return button;
}

function makeStatus() {
  const status = make("div", "status");
  status.setAttribute("role", "status");
  return status;
}

function say(root, text) {
  root.status.textContent = text;
}

function thumbnail(item) {
  return `images/thumb/${encodeURIComponent(item.content_id)}.webp`;
}

function largeView(dataset, item) {
  return `images/view/${encodeURIComponent(dataset)}/${encodeURIComponent(item.content_id)}`;
}

// Keys

// What a key asks for, if it is for us: a key with Ctrl, Alt or Shift is the browser's, and one in a text field is text.
// A keyboard of other letters goes by where the key is.
function commandOf(event) {
  if (event.defaultPrevented || event.isComposing || event.ctrlKey || event.metaKey || event.altKey || isIn(event, TEXT_FIELDS)) {
    return undefined;
  }
  if (event.key === KEYS.help) {
    return "help";
  }
  const key = /^[\x20-\x7e]$/.test(event.key) ? event.key : (event.code ?? "").replace(/^Key/, "");
  return event.shiftKey ? undefined : COMMANDS[key.toLowerCase()];
}

function isIn(event, selector) {
  const [target] = event.composedPath();
  return Boolean(target?.isContentEditable || target?.closest?.(selector));
}

// Keys that are pressed anywhere on the page, unless a window that we are not in lies over it.
function listen(root, press) {
  root.listener ??= (event) => {
    if (!root.isConnected) {
      document.removeEventListener("keydown", root.listener);
      return;
    }
    const window = document.querySelector('[data-testid="stDialog"]');
    const isBehind = window && !window.contains(root.getRootNode().host ?? root);
    const isRead = event.composedPath().some((element) => element.matches?.("dialog.help") && element !== root.help);
    if (!isBehind && !isRead && press(event)) {
      event.preventDefault();
    }
  };
  document.addEventListener("keydown", root.listener);
}

// The list of keys, as a window; `rows` are pairs of keys and what they do.
function makeHelp(root, rows) {
  const help = make("dialog", "help");
  help.setAttribute("aria-label", "Keyboard shortcuts");
  help.append(make("h3", "title", "Keyboard shortcuts"));
  const table = help.appendChild(document.createElement("table"));
  for (const [keys, meaning] of rows) {
    const row = table.insertRow();
    const cell = row.insertCell();
    for (const key of keys) {
      cell.append(make("kbd", "key", key), " ");
    }
    row.insertCell().textContent = meaning;
  }
  help.append(makeButton("toggle", "Close", () => help.close()));
  help.onclick = (event) => event.target === help && help.close();
  root.help?.remove();
  root.help = root.appendChild(help);
}

function helpRows(commands) {
  return commands.map((command) => [[KEYS[command].toUpperCase()], MEANINGS[command]]);
}

function makeHelpButton(root) {
  const button = makeButton("toggle keys", "⌨ Keys", () => toggleHelp(root));
  button.title = `Keyboard shortcuts (${KEYS.help})`;
  return button;
}

function toggleHelp(root) {
  if (root.help.open) {
    root.help.close();
  } else {
    root.help.showModal();
  }
  return true;
}

// Decisions. They are kept with the tab, so that neither a reload nor another page loses what was not sent yet; each has
// a token, by which the server knows one that comes a second time.

const unstored = new Map();

function outbox(root) {
  const name = `jepascore-outbox-${root.data.dataset}`;
  try {
    return JSON.parse(sessionStorage.getItem(name)) ?? [];
  } catch {
    return unstored.get(name) ?? [];
  }
}

function keepOutbox(root, actions) {
  const name = `jepascore-outbox-${root.data.dataset}`;
  unstored.set(name, actions);
  try {
    sessionStorage.setItem(name, JSON.stringify(actions));
  } catch {
    // A browser that keeps nothing: the actions live as long as the page.
  }
}

function newToken() {
  // Not randomUUID, which there is for https and localhost only.
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

// A verdict about items, an undo or a redo; `more` goes with it.
function record(root, kind, items, more = {}) {
  const samples = items.map((item) => [item.sample_key, item.content_id]);
  keepOutbox(root, [...outbox(root), { token: newToken(), who: root.data.who, kind, samples, ...more }]);
  deliver(root);
}

// One message at a time: each run of the page would else cut the last one short, and none would come to its end.
function deliver(root) {
  const actions = outbox(root);
  if (!actions.length || root.waiting || !root.data.can_decide) {
    return;
  }
  root.patience = Math.min(2 * (root.patience ?? RESEND_MILLISECONDS / 2), MOST_RESEND_MILLISECONDS);
  root.waiting = setTimeout(() => {
    root.waiting = null;
    if (root.isConnected) {
      deliver(root);
    }
  }, root.patience);
  root.report(actions);
}

// The page was redrawn: what the server knows leaves the outbox, and the rest is sent.
function acknowledge(root) {
  const known = new Set(root.data.done);
  const actions = outbox(root);
  const left = actions.filter((action) => !known.has(action.token));
  if (left.length < actions.length) {
    keepOutbox(root, left);
    root.patience = undefined;
    clearTimeout(root.waiting);
    root.waiting = null;
  }
  deliver(root);
}

// Marks and what can be undone, as they will be once the server has seen to the outbox. The next to undo or redo is last;
// what an action of the server's changed is not known, hence shown as open for the moment.
function foretell(root) {
  const { marks: known, turns, who } = root.data;
  const marks = { ...known };
  const stack = (keys) => keys.map((key) => ({ keys: key === null ? [] : [key] })).reverse();
  const found = { marks, done: stack(turns.next_undo), undone: stack(turns.next_redo), numUndo: turns.num_undo, numRedo: turns.num_redo };
  for (const { kind, samples, who: whose } of outbox(root)) {
    if (VERDICTS.includes(kind)) {
      const keys = samples.map(([key]) => key);
      const before = Object.fromEntries(keys.map((key) => [key, marks[key]]));
      const after = Object.fromEntries(keys.map((key) => [key, kind]));
      Object.assign(marks, after);
      if (whose === who) {
        found.done.push({ keys, before, after });
        Object.assign(found, { undone: [], numUndo: found.numUndo + 1, numRedo: 0 });
      }
    } else if (whose === who) {
      turn(found, kind);
    }
  }
  return found;
}

function turn(found, kind) {
  const isUndo = kind === "undo";
  if (!(isUndo ? found.numUndo : found.numRedo)) {
    return;
  }
  const [from, to] = isUndo ? [found.done, found.undone] : [found.undone, found.done];
  const entry = from.pop() ?? { keys: [] };
  entry[isUndo ? "after" : "before"] ??= Object.fromEntries(entry.keys.map((key) => [key, found.marks[key]]));
  Object.assign(found.marks, Object.fromEntries(entry.keys.map((key) => [key, entry[isUndo ? "before" : "after"]?.[key]])));
  to.push(entry);
  found.numUndo += isUndo ? -1 : 1;
  found.numRedo += isUndo ? 1 : -1;
}

// The sample that an undo or redo is about, undefined if it is about several or nobody here knows.
function turnedKey(found, kind) {
  const entry = (kind === "undo" ? found.done : found.undone).at(-1);
  return entry?.keys.length === 1 ? entry.keys[0] : undefined;
}
