// The part of regl-scatterplot that the map uses. regl_scatterplot.js is bundled by `make map-bundle`.

export interface Scatterplot {
  draw: (points: Record<string, ArrayLike<number>>, options?: Record<string, unknown>) => Promise<void>;
  set: (properties: Record<string, unknown>) => void;
  get: (name: string) => unknown;
  deselect: (options?: Record<string, unknown>) => void;
  reset: () => void;
  redraw: () => void;
  view: (matrix: ArrayLike<number>) => void;
  refresh: () => void;
  destroy: () => void;
  subscribe: (name: string, heard: (value: never) => void) => void;
}

export default function createScatterplot(properties: Record<string, unknown>): Scatterplot;
