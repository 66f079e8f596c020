import { h, icon } from "./dom.ts";
import type { Verdict } from "./types.ts";

interface Look { css: string; word: string; danger: number }

const LOOKS: Record<Verdict, Look> = {
  will_lose_data: { css: "v-lose", word: "Will lose data", danger: 7 },
  stalled: { css: "v-stalled", word: "Stalled", danger: 6 },
  stopped: { css: "v-stopped", word: "Stopped", danger: 5 },
  falling_behind: { css: "v-behind", word: "Falling behind", danger: 4 },
  rewound: { css: "v-rewound", word: "Rewound", danger: 3 },
  catching_up: { css: "v-catching", word: "Catching up", danger: 2 },
  unknown: { css: "v-unknown", word: "Unknown", danger: 1 },
  ok: { css: "v-ok", word: "Ok", danger: 0 },
};

export const VERDICTS = Object.keys(LOOKS) as Verdict[];

export function look(verdict: string | null | undefined): Look {
  return LOOKS[(verdict ?? "unknown") as Verdict] ?? LOOKS.unknown;
}

/** Verdicts that ask for somebody: drawn in full, with a halo and a label. */
export function inTrouble(verdict: string | null | undefined): boolean {
  return !!verdict && look(verdict).danger >= 2;
}

export function verdictTag(verdict: string | null | undefined, pill = false): HTMLElement {
  const v = look(verdict);
  return h("span", { class: `verdict ${v.css}${pill ? " pill" : ""}` }, icon(v.css), v.word);
}
