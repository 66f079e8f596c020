// The last quarter of an hour of the panel's numbers, asked for once and kept for half a minute.
import { getJson, type Context } from "./context.ts";
import { spark } from "./parts.ts";

const SPAN_MS = 900_000, STEP = 15, KEEP_MS = 30_000;
/** The series behind a number of the panel, by the kind of thing. */
const METRICS: Record<string, Record<string, string>> = { topic: { rate: "rate_in", size: "size" }, group: { lag: "lag" }, service: { lag: "lag" } };

interface Kept { values: (number | null)[]; at: number; asking: boolean }

export class PanelSparks {
  private kept = new Map<string, Kept>();
  private places = new Map<string, HTMLElement>();

  constructor(private ctx: Context) {}

  /** Puts a sparkline beside each number that has one. */
  fill(panel: HTMLElement, id: string, kind: string): void {
    this.places.clear();
    for (const [shown, metric] of Object.entries(METRICS[kind] ?? {})) {
      const box = panel.querySelector<HTMLElement>(`.nums [data-metric="${shown}"]`);
      if (!box) continue;
      const key = `${id}|${metric}`, known = this.kept.get(key);
      this.places.set(key, box);
      if (known?.values.some((v) => v !== null)) box.append(spark(known.values, "flow", 62, 22));
      if (!known || (!known.asking && Math.abs(this.ctx.now() - known.at) > KEEP_MS)) void this.ask(key, id, metric);
    }
  }

  private async ask(key: string, id: string, metric: string): Promise<void> {
    const to = this.ctx.now(), values = this.kept.get(key)?.values ?? [];
    if (this.kept.size > 60) this.kept.clear();
    this.kept.set(key, { values, at: to, asking: true });
    const query = new URLSearchParams({ subject: id, metric, from: new Date(to - SPAN_MS).toISOString(), to: new Date(to).toISOString(), step: String(STEP) });
    try {
      const answer = await getJson<{ points: [unknown, number | null][] }>(`/api/v1/series?${query}`);
      this.kept.set(key, { values: answer.points.map(([, v]) => v), at: to, asking: false });
    } catch {
      this.kept.set(key, { values, at: to, asking: false }); // the number stands without its past, and is asked for again
    }
    const box = this.places.get(key), now = this.kept.get(key)?.values ?? [];
    box?.querySelector(".spark")?.remove();
    if (box && now.some((v) => v !== null)) box.append(spark(now, "flow", 62, 22));
  }
}
