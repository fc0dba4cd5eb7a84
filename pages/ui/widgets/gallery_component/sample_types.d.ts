// What passes between the sample window and its script.

import type { BarRoot, DeskData, Item, Sequence, Verdict } from "./types.js";
import type { Place, Size } from "./zoom.js";

/** A sample of a sequence; how large it is may not be known yet. */
export interface Seen extends Item {
  width?: number;
  height?: number;
}

export interface SampleCard extends Item {
  width: number;
  height: number;
  lines: string[];
  verdict: Verdict | null;
  decided_by: string;
  tags: string[];
}

export interface BesideGroup {
  title: string;
  about: string;
  samples: (Item & { note: string })[];
}

export interface SampleData extends DeskData {
  route: string;
  query: string;
  card: SampleCard;
  led: string | null;
  has_embeddings: boolean;
  whose: string;
}

export interface Frame {
  element: HTMLElement;
  level: HTMLElement;
  base?: HTMLImageElement;
  full?: HTMLImageElement;
  size?: Size;
  place: Place;
  isFit: boolean;
  pointers: Map<number, { x: number; y: number }>;
}

export interface SampleRoot extends BarRoot {
  data: SampleData;
  tell: (key: string) => void;
  led?: string | null;
  at: Seen;
  told: string;
  sequence: Sequence | null;
  position: number;
  direction: 1 | -1;
  isAside: boolean;
  items: Map<number, Seen>;
  cards: Map<string, SampleCard>;
  asking: Set<string>;
  pictures: Map<string, HTMLImageElement>;
  telling?: ReturnType<typeof setTimeout>;
  besideAsked?: AbortController;
  frame: Frame;
  side: HTMLElement;
  name: HTMLElement;
  lines: HTMLElement;
  decided: HTMLElement;
  whose: HTMLElement;
  original: HTMLAnchorElement;
  beside: HTMLElement;
  where: HTMLElement;
  previous: HTMLButtonElement;
  next: HTMLButtonElement;
  back: HTMLButtonElement;
}
