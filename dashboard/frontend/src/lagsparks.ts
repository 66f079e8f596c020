// The last six hours of each row in sight, asked for a few at a time and kept.
import { getJson, type Context } from "./context.ts";
import { h } from "./dom.ts";
import { groupId } from "./ids.ts";
import { spark } from "./parts.ts";
import type { LagRow } from "./types.ts";

interface Kept { values: (number | null)[]; at: number }

const HOURS = 6, STEP = 300, KEEP_MS = 120_000, AT_ONCE = 3;

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

  /** Rows that are in sight now. */
  want(rows: LagRow[]): void {
    this.wanted = rows;
    const now = Date.now();
    if (now < this.refused) return;
    for (const row of rows) {
      if (this.asking >= AT_ONCE) return;
      const known = this.kept.get(subject(row));
      if (!known || now - known.at > KEEP_MS) void this.ask(row);
    }
  }

  private async ask(row: LagRow): Promise<void> {
    const key = subject(row), to = this.ctx.now();
    this.kept.set(key, { values: this.kept.get(key)?.values ?? [], at: Date.now() });
    this.asking += 1;
    const query = new URLSearchParams({ subject: key, metric: "lag", from: new Date(to - HOURS * 3_600_000).toISOString(), to: new Date(to).toISOString(), step: String(STEP) });
    try {
      const answer = await getJson<{ points: [unknown, number | null][] }>(`/api/v1/series?${query}`);
      const values = answer.points.map(([, v]) => v);
      this.kept.set(key, { values, at: Date.now() });
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
