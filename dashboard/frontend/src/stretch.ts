// Which stretch of time a picture shows: the selected range, or the last hours up to the playhead.
import type { Context } from "./context.ts";
import { millis } from "./format.ts";

export interface Stretch { from: number; to: number }

const HOURS = 6, LEAST = 300_000;

/** A time of the address: RFC 3339, or a span back from `now` such as -15m. */
export function moment(word: string | undefined, now: number): number | null {
  const ago = /^-(\d{1,9})(s|m|h|d)$/.exec(word ?? "");
  if (ago) return now - Number(ago[1]) * { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }[ago[2] as "s" | "m" | "h" | "d"];
  return millis(word);
}

/** From and to in ms, and whether the end moves with the playhead. What is before the tape begins is not drawn. */
export function stretchOf(ctx: Context): Stretch & { follows: boolean } {
  const now = ctx.now(), to = moment(ctx.params["to"], now), from = moment(ctx.params["from"], to ?? now), end = to ?? now;
  if (from !== null && from < end) return { from, to: end, follows: to === null };
  const hours = end - HOURS * 3_600_000, begin = ctx.bounds()?.[0];
  return { from: begin === undefined ? hours : Math.min(end - LEAST, Math.max(hours, begin)), to: end, follows: to === null };
}

/** Whether two stretches look the same: ends within a share of the length. */
export function sameStretch(a: Stretch, b: Stretch | null, share = 0.01): boolean {
  if (!b) return false;
  const near = (b.to - b.from) * share;
  return Math.abs(a.from - b.from) < near && Math.abs(a.to - b.to) < near;
}

/** Winds this page to a moment; the stretch that is looked at stays, so that one finds back, and so does a link. */
export function windTo(ctx: Context, to: number, shown: Stretch): void {
  const fixed = moment(ctx.params["from"], 0) !== null && moment(ctx.params["to"], 0) !== null;
  ctx.seek(to, fixed ? {} : { from: new Date(shown.from).toISOString(), to: new Date(shown.to).toISOString() });
}

/** When a picture has to be asked for: its stretch is another one, or follows the newest moment and is old. */
export function due(ctx: Context, wanted: Stretch & { follows: boolean }, shown: Stretch | null, age: number, again: number): boolean {
  if (!shown || !sameStretch(wanted, shown, ctx.live() ? 0.1 : 0.01)) return true;
  return ctx.live() && wanted.follows && age >= again;
}
