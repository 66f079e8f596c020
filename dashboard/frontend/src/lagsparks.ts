// The last hours of each row in sight (less where less is recorded), asked for a few at a time and kept.
import { getJson, type Context } from "./context.ts";
import { h } from "./dom.ts";
import { groupId } from "./ids.ts";
import { spark } from "./parts.ts";
import { due, stretchOf, type Stretch } from "./stretch.ts";
import type { LagRow } from "./types.ts";

interface Kept { values: (number | null)[]; at: number; of: Stretch }

const POINTS = 72, LEAST_STEP = 2, KEEP_MS: readonly [number, number] = [10_000, 120_000], AT_ONCE = 3;

const subject = (r: LagRow): string => `lag:${groupId(r.cluster, r.group).slice("group:".length)}/${r.topic.replace(/[%/]/g, (c) => encodeURIComponent(c))}`;

export class LagSparks {
  private kept = new Map<string, Kept>();
  private boxes = new Map<string, { box: HTMLElement; css: string }>();
  private asking = 0;
  private refused = 0;
  private wanted: LagRow[] = [];

  constructor(private ctx: Context) {}

  element(r: LagRow, css: string): HTMLElement {
    const box = h("div", { class: "sparkbox" }), key = subject(r), known = this.kept.get(key);
    this.boxes.set(key, { box, css });
    if (this.boxes.size > 400) for (const [k, each] of this.boxes) if (!each.box.isConnected && k !== key) this.boxes.delete(k);
    if (known) box.append(spark(known.values, css));
    return box;
  }

  /** How long a stretch the sparklines show, in seconds. */
  get seconds(): number {
    const { from, to } = stretchOf(this.ctx);
    return (to - from) / 1000;
  }

  /** Rows that are in sight now. */
  want(rows: LagRow[]): void {
    this.wanted = rows;
    const now = Date.now(), keep = Math.min(KEEP_MS[1], Math.max(KEEP_MS[0], (this.seconds * 1000) / POINTS));
    if (now < this.refused || !this.ctx.bounds()) return;
    const wanted = stretchOf(this.ctx);
    for (const row of rows) {
      if (this.asking >= AT_ONCE) return;
      const known = this.kept.get(subject(row));
      if (due(this.ctx, wanted, known?.of ?? null, now - (known?.at ?? 0), keep)) void this.ask(row, wanted);
    }
  }

  private async ask(row: LagRow, of: Stretch): Promise<void> {
    const key = subject(row), { from, to } = of, step = Math.max(LEAST_STEP, Math.ceil((to - from) / 1000 / POINTS));
    this.kept.set(key, { values: this.kept.get(key)?.values ?? [], at: Date.now(), of });
    this.asking += 1;
    const query = new URLSearchParams({ subject: key, metric: "lag", from: new Date(from).toISOString(), to: new Date(to).toISOString(), step: String(step) });
    try {
      const answer = await getJson<{ points: [string, number | null][] }>(`/api/v1/series?${query}`);
      const values = answer.points.map(([, v]) => v);
      this.kept.set(key, { values, at: Date.now(), of });
      const place = this.boxes.get(key);
      place?.box.replaceChildren(spark(values, place.css));
    } catch {
      this.refused = Date.now() + 20_000;
    } finally {
      this.asking -= 1;
      this.want(this.wanted);
    }
  }
}
