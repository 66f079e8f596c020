// How hot: one ramp of seven steps that says nothing of good or bad. Pure.

/** Below these tops the ramp is not stretched: five unread records are not hot. */
const FLOOR = { lag: 100, time_lag: 60 };

export type Metric = keyof typeof FLOOR;

export function topOf(rows: readonly (readonly (number | null)[])[], metric: Metric): number {
  let top = FLOOR[metric];
  for (const values of rows) for (const v of values) if (v !== null && v > top) top = v;
  return top;
}

/** 0 for nothing, then six steps up to `top`, finer where it is little; null stays null. */
export function level(value: number | null, top: number): number | null {
  if (value === null) return null;
  if (value <= 0) return 0;
  return Math.min(6, 1 + Math.floor(6 * Math.min(1, value / top) ** 0.6 - 1e-9));
}

export interface Box { left: number; top: number; wide: number; tall: number }

/** Which cell a point is in; null outside. */
export function cellAt(x: number, y: number, box: Box, columns: number, rows: number): [number, number] | null {
  const column = Math.floor(((x - box.left) / box.wide) * columns), row = Math.floor(((y - box.top) / box.tall) * rows);
  return column >= 0 && column < columns && row >= 0 && row < rows ? [column, row] : null;
}

/** Rows that carry a label: the first, the last, and as many between as fit. */
export function labelled(rows: number, fit: number): number[] {
  if (rows <= 1 || fit <= 1) return rows ? [0] : [];
  const every = Math.max(1, Math.ceil((rows - 1) / Math.max(1, fit - 1))), out: number[] = [];
  for (let i = 0; i < rows - every / 2; i += every) out.push(i);
  if (out.at(-1) !== rows - 1) out.push(rows - 1);
  return out;
}

/** Round times for an axis, at most `most`. */
export function timesOn(from: number, to: number, most: number): number[] {
  const steps = [15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800].map((s) => s * 1000);
  const step = steps.find((each) => (to - from) / each <= most) ?? steps.at(-1)!, out: number[] = [];
  for (let t = Math.ceil(from / step) * step; t <= to; t += step) out.push(t);
  return out;
}
