// When a reader has caught up, and when it loses data: a time, "never" where that is known, "unknown" where it is not.
import { UNKNOWN, duration } from "./format.ts";
import type { LagRow } from "./types.ts";

export interface Prospect { seconds: number | null; words: string; why: string }

type Reads = Pick<LagRow, "verdict" | "lag" | "unread" | "rate_in" | "rate_out" | "catch_up" | "loss_in">;

const said = (words: string, why = ""): Prospect => ({ seconds: null, words, why });
const timed = (seconds: number, why = ""): Prospect => ({ seconds, words: duration(seconds), why });

/** Offsets may hold no records: what is unread counts where it is known. */
const left = (r: Reads): number | null => r.unread ?? r.lag;

/** Never needs a reason that is known: nobody reads, nothing moves, or both speeds; else it is unknown. */
export function caughtUp(r: Reads): Prospect {
  if (left(r) === 0) return said("is");
  if (left(r) === null) return said(UNKNOWN);
  if (r.verdict === "stopped") return said("never", "nobody reads");
  if (r.verdict === "stalled") return said("never", "not moving");
  if (r.catch_up !== null) return timed(r.catch_up);
  if (r.rate_in === null || r.rate_out === null) return said(UNKNOWN);
  return r.verdict === "ok" ? said("keeps pace") : said("never", "at this speed");
}

/** Not in sight where the speeds are known and retention comes no nearer; nothing is said of who keeps pace. */
export function losesData(r: Reads): Prospect {
  if (r.loss_in !== null) return timed(r.loss_in, "until retention");
  if (left(r) === 0) return said("");
  if (left(r) === null || r.rate_in === null || r.rate_out === null) return said(UNKNOWN);
  return said(r.verdict === "ok" ? "" : "not in sight");
}
