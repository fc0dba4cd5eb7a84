// What completes the query bar: the answers of the server, and what the script keeps on its element.

export type CompletionKey = "open" | "close" | "next" | "previous" | "take" | "leave";

/** `text` takes the place of what was typed, `title` is how it is listed, `about` what it is. */
export interface Option {
  text: string;
  title: string;
  about: string;
}

/** How many characters to both sides of the cursor an option takes the place of. */
export interface Completion {
  back: number;
  forward: number;
  options: Option[];
}

export interface RulesData {
  /** Streamlit's class of the text field. */
  field: string;
  /** Address of the suggestions. */
  route: string;
  /** Name of the list for a screen reader. */
  label: string;
}

export interface RulesRoot extends HTMLElement {
  data: RulesData;
  list: HTMLElement;
  status: HTMLElement;
  completion: Completion | null;
  active: number;
  request: AbortController | null;
}
