// Where what is seen, declared and permitted part: its words, its colour, its sign.
import type { Drift } from "./types.ts";

interface Look { css: string; icon: string; word: string; long: string }

export const DRIFTS: Record<Drift, Look> = {
  observed_only: { css: "v-behind", icon: "eye", word: "observed only", long: "Seen, not declared" },
  declared_only: { css: "v-catching", icon: "doc", word: "declared only", long: "Declared, never seen" },
  permitted_only: { css: "v-unknown", icon: "key", word: "permitted only", long: "Permitted, unused" },
};

export const driftOf = (value: unknown): Look | null => (typeof value === "string" && value in DRIFTS ? DRIFTS[value as Drift] : null);
