// Which stretch of time a picture shows: the selected range, or the last hours up to the playhead.
import type { Context } from "./context.ts";
import { millis } from "./format.ts";

const HOURS = 6, LEAST = 300_000;

/** When the recording is known to begin, in ms: what is before it need not be drawn. */
let begin: number | null = null;

/** `sure`: ticks say so; else something was there by then, and the recording may have begun earlier. */
export function recordedSince(ms: number | null, sure = false): void { if (ms !== null && (sure || begin === null || ms < begin)) begin = ms; }

/** A time of the address: RFC 3339, or a span back from `now` such as -15m. */
export function moment(word: string | undefined, now: number): number | null {
  const ago = /^-(\d{1,9})(s|m|h|d)$/.exec(word ?? "");
  if (ago) return now - Number(ago[1]) * { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }[ago[2] as "s" | "m" | "h" | "d"];
  return millis(word);
}

/** From and to in ms, and whether the end moves with the playhead. */
export function stretchOf(ctx: Context): { from: number; to: number; follows: boolean } {
  const now = ctx.now(), to = moment(ctx.params["to"], now), from = moment(ctx.params["from"], to ?? now), end = to === null ? now : Math.min(to, Math.max(now, to));
  if (from !== null && from < end) return { from, to: end, follows: to === null };
  const hours = end - HOURS * 3_600_000;
  return { from: begin === null ? hours : Math.min(end - LEAST, Math.max(hours, begin - 5_000)), to: end, follows: to === null };
}

/** Whether two stretches look the same: ends within a hundredth of the length. */
export function sameStretch(a: { from: number; to: number }, b: { from: number; to: number } | null): boolean {
  if (!b) return false;
  const near = (b.to - b.from) / 100;
  return Math.abs(a.from - b.from) < near && Math.abs(a.to - b.to) < near;
}

/** This page at that moment. */
export function windTo(ctx: Context, ms: number): void {
  const query = new URLSearchParams(ctx.params);
  query.delete("id");
  query.set("at", new Date(ms).toISOString());
  location.assign(`${location.pathname}?${query}`);
}
