// What passes between the page and the script of the map.

import type { Scatterplot } from "./regl_scatterplot.js";

/** `colour` is a place in the palette. */
export interface LegendEntry {
  code: number;
  title: string;
  count: number;
  colour: number;
}

/** Of groups there are entries; of numbers a scale from `low` to `high`. */
export interface Legend {
  entries: LegendEntry[];
  low: number;
  high: number;
  diverging: boolean;
}

/** Addresses of places, colours and what is listed, "" = everything; another address is another state. */
export interface MapData {
  label: string;
  places: string;
  colours: string;
  listed: string;
  samples: string;
  layout: string;
  palette: string[];
  ramp: string[];
  diverging: string[];
  ends: [string, string];
  has_region: boolean;
  texts: Record<string, string>;
}

/** Points that have a place: `rows` are theirs in the order of the keys, of `total` samples. */
export interface Places {
  x: Float32Array;
  y: Float32Array;
  rows: Int32Array;
  total: number;
}

export interface Sample {
  sample_key: string;
  content_id: string;
  label: string | null;
}

export type Corner = [number, number];

export interface MapRoot extends HTMLElement {
  data: MapData;
  trigger: (name: string, value: unknown) => void;
  listener?: (event: KeyboardEvent) => void;
  status: HTMLElement;
  problem: HTMLElement;
  count: HTMLElement;
  stage: HTMLElement;
  canvas: HTMLCanvasElement;
  legend: HTMLElement;
  card: HTMLElement;
  clearing: HTMLButtonElement;
  modes: Record<"panZoom" | "lasso", HTMLButtonElement>;
  plot?: Scatterplot;
  shown: { places: string; colours: string; listed: string };
  points?: Places;
  codes?: Uint8Array;
  scale?: Legend;
  isListed?: Uint8Array;
  muted: Set<number>;
  index?: ArrayBuffer;
  drawing?: Promise<void>;
  isLasso: boolean;
  hovering?: ReturnType<typeof setTimeout>;
  known: Map<number, Sample>;
}
