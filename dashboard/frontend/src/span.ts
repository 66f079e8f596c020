// The stretch of time that the tape shows: pure arithmetic, times in ms.
export interface Span { from: number; to: number }

export const SHORTEST = 300_000, LONGEST = 366 * 86_400_000;
const MINUTE = 60_000, HOUR = 3_600_000, DAY = 86_400_000;
const STEPS = [15_000, 30_000, MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 7 * DAY, 14 * DAY, 30 * DAY, 90 * DAY];
/** The lengths that zooming by keys and buttons goes through. */
export const LENGTHS = [5 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 3 * DAY, 7 * DAY, 30 * DAY, 90 * DAY, LONGEST];

const clamp = (value: number, low: number, high: number): number => Math.min(Math.max(value, low), Math.max(low, high));
export const length = (span: Span): number => span.to - span.from;

/** A fraction of the span, 0 to 1 and beyond, as a time; and back. */
export const timeAt = (span: Span, part: number): number => span.from + part * length(span);
export const partOf = (span: Span, time: number): number => (time - span.from) / length(span);

/** Inside what can be shown: nothing after `end`, and no further back than leaves the tape's beginning in sight. */
export function within(span: Span, begin: number, end: number): Span {
  const wide = clamp(length(span), SHORTEST, LONGEST);
  const to = clamp(span.to, Math.min(begin + wide, end), end);
  return { from: to - wide, to };
}

/** Longer or shorter around one moment, which stays where it is. */
export function zoomed(span: Span, factor: number, pivot: number, begin: number, end: number): Span {
  const wide = clamp(length(span) * factor, SHORTEST, LONGEST), part = partOf(span, pivot);
  const from = pivot - part * wide;
  return within({ from, to: from + wide }, begin, end);
}

export function moved(span: Span, by: number, begin: number, end: number): Span {
  return within({ from: span.from + by, to: span.to + by }, begin, end);
}

/** The next length of the ladder, longer (1) or shorter (-1). */
export function rung(span: Span, way: 1 | -1): number {
  const now = length(span);
  return way > 0 ? LENGTHS.find((each) => each > now * 1.01) ?? LONGEST : LENGTHS.findLast((each) => each < now * 0.99) ?? SHORTEST;
}

/** Where the axis has its marks, at most `most` of them. */
export function ticks(span: Span, most = 8): number[] {
  const step = STEPS.find((each) => length(span) / each <= most - 1) ?? 90 * DAY, out: number[] = [];
  const edge = length(span) * 0.03;
  for (let t = Math.ceil((span.from + edge) / step) * step; t < span.to - edge; t += step) out.push(t);
  return out;
}

export interface Mark { at: number; count: number; label: string }

const APART = 24, AIR = 4;

/** How wide a mark is drawn, in px: a diamond, or a box with a number. */
export const markWidth = (mark: Mark): number => (mark.count > 1 ? 9 + 6.5 * String(mark.count).length : 9);

/** Marks that would touch, or that a finger could not tell apart, become one with their number. `px`: ms of one pixel. */
export function gathered(marks: readonly Mark[], px: number): Mark[] {
  const out: Mark[] = [];
  const near = (a: Mark, b: Mark): boolean => b.at - a.at < px * Math.max(APART, (markWidth(a) + markWidth(b)) / 2 + AIR);
  for (const mark of [...marks].sort((a, b) => a.at - b.at)) {
    let last = { ...mark };
    while (out.length && near(out.at(-1)!, last)) {
      const before = out.pop()!, count = before.count + last.count;
      last = { at: before.at, count, label: `${count} changes` };
    }
    out.push(last);
  }
  return out;
}

/** The value that stood at a moment: the newest at or before it, if it is not older than `reach`. */
export function valueAt(values: readonly [number, number | null][], time: number, reach: number): number | null {
  let found: number | null = null;
  for (const [t, v] of values) {
    if (t > time) break;
    found = time - t <= reach ? v : null;
  }
  return found;
}
