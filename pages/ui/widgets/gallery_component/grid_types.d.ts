// What passes between Explore's page and the script of the whole dataset.

import type { DeskData, DeskRoot, Item, Tile, Verdict, Viewer } from "./types.js";

/** [first, end) */
export type Interval = [number, number];

export interface GridLayout {
  columns: number;
  side: number;
  gap: number;
  rowHeight: number;
  view: number;
  total: number;
  height: number;
  length: number;
}

export interface Row extends Item {
  label: string | null;
  width: number;
  height: number;
  value: string;
  verdict: Verdict | null;
  tags: string[];
}

export interface FacetValue {
  value: string | null;
  title: string;
  count: number;
}

export interface Facet {
  name: string;
  title: string;
  kind: "values" | "numbers" | "decided" | "tags";
  values: FacetValue[];
  chosen: (string | null)[];
  edges: number[];
  counts: number[];
  low: number | null;
  high: number | null;
}

export interface FacetAnswer {
  facets: Facet[];
  rest: string[];
  num_listed: number;
  num_samples: number;
}

export interface RowsAnswer {
  view: string;
  total: number;
  rows: Row[];
}

/** `route` is the address of the list, `query` what is not a filter, `state` changes with decisions and measurements. */
export interface GridData extends DeskData {
  route: string;
  query: string;
  filter: string;
  decided: string;
  state: string;
  size: number;
  selected: string | null;
  is_final: boolean;
}

/** One list: the pages of it that were read, and those that are being read. */
export interface Source {
  query: string;
  filter: string;
  decided: string;
  view: string | null;
  total: number;
  pages: Map<number, Row[]>;
  asked: Map<number, AbortController>;
}

export interface GridTile extends HTMLElement {
  image: HTMLImageElement;
  caption: HTMLElement;
  mark: HTMLElement;
  tags: HTMLElement;
  drawnTags: string;
  position: number;
  shown: string;
}

export interface FacetBox extends HTMLElement {
  update: (facet: Facet) => void;
}

export interface GridRoot extends DeskRoot {
  data: GridData;
  trigger: (name: string, value: unknown) => void;
  byKey: Map<string, Tile>;
  viewer: Viewer;
  rail: HTMLElement;
  railButton: HTMLButtonElement;
  boxes: Map<string, FacetBox>;
  chooseFilters: (facets: Facet[], rest: string[]) => void;
  total: HTMLElement;
  chosen: HTMLElement;
  slider: HTMLInputElement;
  problem: HTMLElement;
  scroller: HTMLElement;
  spacer: HTMLElement;
  source: Source;
  coming?: Source;
  stays: boolean;
  arrived: (source: Source) => void;
  facets: FacetAnswer;
  facetsAsked?: AbortController;
  filter: string;
  decided: string;
  told?: { filter: string; decided: string; until: number };
  telling?: ReturnType<typeof setTimeout>;
  layout: GridLayout;
  size: number;
  top: number;
  place: number;
  tiles: Map<number, GridTile>;
  pool: GridTile[];
  here: number;
  anchor: number;
  selected: Interval[];
  settling?: ReturnType<typeof setTimeout>;
  isFast: boolean;
  drawnState?: string;
  drawnChosen?: string;
}
