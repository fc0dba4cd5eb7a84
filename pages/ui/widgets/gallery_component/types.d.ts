// What passes between the page and its scripts, and what the scripts keep on their own element.

export type Verdict = "keep" | "drop" | "undecided";
export type Turn = "undo" | "redo";
export type Command = Verdict | Turn | "help";
export type Keys = Record<Command, string>;
export type Marks = Record<string, Verdict | undefined>;
/** Tags by sample; `digit` is the key that adds and removes the tag. */
export type Tagged = Record<string, string[] | undefined>;

export interface Tag {
  name: string;
  digit: number | null;
  colour: string;
}

export interface Item {
  sample_key: string;
  content_id: string;
}

/** One key press; `next` is where Review was afterwards, `leads` asks the server to lead to the sample. */
export interface Action {
  token: string;
  who: string;
  kind: Verdict | Turn | "tag" | "untag";
  samples: [string, string][];
  tag?: string;
  why?: string;
  next?: string | null;
  leads?: boolean;
}

/** How many decisions can be undone and redone, and which sample each of the next ones is about, null for several. */
export interface Turns {
  num_undo: number;
  num_redo: number;
  next_undo: (string | null)[];
  next_redo: (string | null)[];
}

export interface DeskData {
  keys: Keys;
  label: string;
  dataset: string | null;
  who: string | null;
  can_decide: boolean;
  marks: Marks;
  tags: Tag[];
  tagged: Tagged;
  turns: Turns;
  done: string[];
}

/** An action that can be undone or redone, with verdicts or tags by sample before and after it where they are known. */
export interface Entry {
  keys: string[];
  before?: Marks;
  after?: Marks;
  tagsBefore?: Tagged;
  tagsAfter?: Tagged;
}

/** The next to undo or redo is last. */
export interface Prediction {
  marks: Marks;
  tagged: Tagged;
  done: Entry[];
  undone: Entry[];
  numUndo: number;
  numRedo: number;
}

export type HelpRow = [string[], string];

export interface DeskRoot extends HTMLElement {
  data: DeskData;
  status: HTMLElement;
  help?: HTMLDialogElement;
  listener?: (event: KeyboardEvent) => void;
  report: (actions: Action[]) => void;
  waiting?: ReturnType<typeof setTimeout> | null;
  patience?: number;
}

/** A desk with buttons for verdicts, turns and tags, about one image at a time. */
export interface BarRoot extends DeskRoot {
  buttons: Partial<Record<Command, DeckButton>>;
  tags: HTMLElement;
}

/** What the sample window leads through: `key` is of the sample at `position`. */
export interface Sequence {
  key: string;
  position: number;
  total: number;
  at: (position: number) => Promise<Item | undefined> | Item | undefined;
  reveal: (position: number) => void;
}

// Galleries

export type Tone = "least" | "random" | "most";
export type Toggle = "score" | "percentile" | "label" | "bar";

export interface Tile extends Item {
  caption: string;
  badge: string;
  percentile: number | null;
  tone: Tone | null;
  tooltip: string;
  label: string;
  note: string;
}

/** Positions in percent of an axis that all boxes of the gallery share. */
export interface Box {
  low: number;
  lower: number;
  median: number;
  upper: number;
  high: number;
  text: string;
}

export interface Section {
  tiles: Tile[];
  title: string;
  subtitle: string;
  row: string;
  box: Box | null;
}

export interface GalleryData extends DeskData {
  size: number | null;
  can_fit: boolean;
  layout: "grid" | "row" | "flow";
  selected: string | null;
  tools: ("size" | Toggle)[];
  show: string[];
  collects: boolean;
  inspects: boolean;
  opens: boolean;
  sections: Section[];
}

export interface Viewer extends HTMLDialogElement {
  image: HTMLImageElement;
  text: HTMLElement;
  spare: string;
  tile?: HTMLElement;
}

export interface GalleryRoot extends DeskRoot {
  data: GalleryData;
  drawn?: string;
  seen: string | null;
  trigger: (name: string, value: unknown) => void;
  keep: (name: string, value: unknown) => void;
  body: HTMLElement;
  viewer: Viewer;
  byKey: Map<string, Tile>;
  selection: Set<string>;
  settling?: ReturnType<typeof setTimeout>;
  tabStop?: HTMLElement;
  anchor?: HTMLElement;
  slider?: HTMLInputElement;
  fitting: HTMLElement | null;
  fitted?: number;
  chosen?: HTMLElement;
}

// Review

export interface Card extends Item {
  lines: string[];
  decided_by: string;
}

export interface DeckData extends DeskData {
  cards: Card[];
  stage: boolean;
  at: string | null;
  queue: string;
  more: boolean;
  led: string | null;
}

export interface DeckButton extends HTMLButtonElement {
  text: HTMLElement;
}

export interface DeckRoot extends BarRoot {
  data: DeckData;
  cards: Map<string, Card>;
  keys: string[];
  tell: () => void;
  open: (key: string) => void;
  at: string | null;
  lastKey?: string | null;
  queue?: string;
  led?: string | null;
  telling?: ReturnType<typeof setTimeout>;
  why?: HTMLInputElement;
  decided: HTMLElement;
  side: HTMLElement;
  frame?: HTMLElement;
  name: HTMLElement;
  lines: HTMLElement;
  original: HTMLAnchorElement;
  strip: HTMLElement;
  drawn?: string;
  pictures: Map<string, HTMLImageElement>;
}

/** What Streamlit passes to a component. */
export interface Mount<Data> {
  parentElement: ParentNode;
  data: Data;
  setTriggerValue: (name: string, value: unknown) => void;
  setStateValue: (name: string, value: unknown) => void;
}

/** What is chosen at the top of a page, and what that is called. */
export interface Fold {
  label: string;
  text: string;
}

/** Where to go: a page and its parameters, below the folder of this page; `token` differs each time. */
export interface Navigation {
  url: string;
  token: string;
}
