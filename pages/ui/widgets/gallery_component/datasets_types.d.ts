// What passes between the page and the script of the table of datasets.

export interface Picture {
  content_id: string;
  href: string;
  title: string;
}

export interface Badge {
  colour: "green" | "amber" | "red" | "grey";
  text: string;
  help: string;
  url: string;
}

/** A backbone, and how much of the dataset it has measured: `share` is from 0 to 1. */
export interface CoverageLine {
  title: string;
  share: number;
  text: string;
  badge: Badge | null;
}

export interface Way {
  label: string;
  href: string;
}

/** `problem` is why it is not what was asked for; `state` and `share` are about an index that is not ready. */
export interface DatasetRow {
  dataset_id: string;
  name: string;
  href: string;
  state: string;
  share: number | null;
  problem: string;
  failures: string;
  failures_href: string;
  pictures: Picture[];
  num_images: number | null;
  images_help: string;
  num_classes: number | null;
  lines: CoverageLine[];
  more: string;
  last_activity: number;
  activity: string;
  activity_time: string;
  ways: Way[];
}

/** `chosen` is the dataset whose details are shown; `can_choose` offers to show those of another one. */
export interface DatasetTable {
  label: string;
  rows: DatasetRow[];
  can_choose: boolean;
  chosen: string | null;
  texts: Record<string, string>;
}

export type Column = "name" | "num_images" | "num_classes" | "last_activity";

export interface Order {
  column: Column;
  isDescending: boolean;
}

export interface TableRoot extends HTMLElement {
  data: DatasetTable;
  trigger: (name: string, value: unknown) => void;
  order: Order;
  words: string;
  body: HTMLElement;
  count: HTMLElement;
  search: HTMLElement;
  heads: Map<Column, HTMLElement>;
}
