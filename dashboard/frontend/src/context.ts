import type { Params, State } from "./types.ts";
import { millis } from "./format.ts";

/** What a view gets from the page around it. */
export interface Context {
  view: string;
  params: Params;
  csrf: string;
  /** Whether who looks may do this (an action of GET /api/v1/me). */
  may: (action: string) => boolean;
  /** The playhead's moment now, in ms: the last frame's time and what has passed since. */
  now: () => number;
  /** Whether the page follows the newest moment. */
  live: () => boolean;
  /** Where the tape begins and ends, in ms, once the server has said so. */
  bounds: () => [number, number] | null;
  /** Winds this page to a moment where it stands; `params` change with it, and back leads to both as they were. */
  seek: (to: number, params?: Record<string, string | null>) => void;
  state: () => State | null;
  /** Changes the URL; what the server filters by is asked for again. */
  setParams: (change: Record<string, string | null>, reopen?: boolean) => void;
}

export interface View {
  update: (state: State, before: State | null) => void;
  /** Once a second and when the zone changes: ages and clocks. */
  tick?: () => void;
  themed?: () => void;
  /** The playhead was placed anew, or turned live. */
  placed?: () => void;
}

/** Seconds since a time of the server, by the server's clock. */
export function secondsSince(ctx: Context, time: string | null | undefined): number | null {
  const ms = millis(time);
  return ms === null ? null : Math.max(0, (ctx.now() - ms) / 1000);
}

/** A row that leaves out its own time was sampled with its cluster. */
export function sampledAt(state: State, row: { cluster?: unknown; sampled_at?: unknown }): string | null {
  if (typeof row.sampled_at === "string") return row.sampled_at;
  const clusters = state.tables["clusters"] ?? {}, name = String(row.cluster ?? "");
  // What belongs to no cluster is as old as the oldest of them.
  if (!name) return Object.values(clusters).map((c) => c["sampled_at"]).filter((t): t is string => typeof t === "string").sort()[0] ?? null;
  const cluster = clusters[name];
  return typeof cluster?.["sampled_at"] === "string" ? cluster["sampled_at"] : null;
}

/** Fetches JSON; an answer that is not 2xx throws what the problem document says. */
export async function getJson<T>(path: string, signal?: AbortSignal): Promise<T> {
  const answer = await fetch(path, { headers: { accept: "application/json" }, credentials: "same-origin", signal: signal ?? null });
  if (answer.ok) return (await answer.json()) as T;
  let why = `${answer.status} ${answer.statusText}`;
  try {
    const problem = (await answer.json()) as { title?: string; detail?: string };
    why = problem.detail ?? problem.title ?? why;
  } catch { /* no problem document: the status says it */ }
  throw new Error(why);
}
