// What comes over the wire. Names are those of the contract; unknown is null, never 0.
export type Verdict =
  | "ok" | "catching_up" | "falling_behind" | "stalled" | "stopped" | "rewound" | "will_lose_data" | "unknown";

export type Row = Record<string, unknown>;
export type Table = Record<string, Row>;
export type Tables = Record<string, Table>;
export type Meta = Record<string, unknown>;
export type Params = Record<string, string>;

export interface FrameMessage { type: "frame"; at: string; tick: number; tables: Tables; meta: Meta }
export interface TablePatch { set?: Table; del?: string[] }
export interface PatchMessage { type: "patch"; at: string; tick: number; tables?: Record<string, TablePatch>; meta?: Meta }
export interface PlayheadMessage { type: "playhead"; at: string; live: boolean; playing: boolean; speed: number; start: string | null; end: string | null }
export interface ErrorMessage { type: "error"; title: string; detail?: string; remedy?: string; begin?: string }
export type Message = FrameMessage | PatchMessage | PlayheadMessage | ErrorMessage;

export interface State { at: string; tick: number; tables: Tables; meta: Meta }

export interface Cluster {
  name: string; cluster_id: string | null; brokers: number | null; brokers_expected: number | null; topics: number | null;
  partitions: number | null; groups: number | null; status: string; sampled_at: string | null; error: string | null;
  offline: number | null; under_replicated: number | null; below_min_isr: number | null;
}

/** How a thing differs between two moments, where a view compares them: a ring round a node, the colour of an edge. */
export type Change = "added" | "removed" | "changed";

export interface MapNode {
  id: string; kind: string; name: string; cluster: string; team: string | null; x: number; y: number; stale: boolean;
  rate: number | null; verdict: Verdict | null; sub: string | null; badge: string | null;
  count?: { services?: number; topics?: number } | null;
  /** Of a box: the page's `open` that shows what is in it. */
  opens?: string;
  change?: Change | null;
}

/** The boundary of an opened box, in px of the map. */
export interface Outline { id: string; name: string; words: string; x: number; y: number; w: number; h: number }

export type Drift = "observed_only" | "declared_only" | "permitted_only";

export interface MapEdge {
  id: string; source: string; target: string; relation: string; key: string | null; strength: string; rate: number | null;
  lag: number | null; time_lag: number | null; verdict: Verdict | null; stale: boolean; sentence: string | null;
  drift?: Drift | null;
  change?: Change | null;
}

export interface LagRow {
  cluster: string; group: string; topic: string; service: string | null; team: string | null; lag: number | null;
  time_lag: number | null; time_lag_error: number | null; verdict: Verdict; reason: string | null; since: string | null;
  unread: number | null; rate_in: number | null; rate_out: number | null; catch_up: number | null; loss_in: number | null;
  members: number | null; sampled_at?: string | null;
}
