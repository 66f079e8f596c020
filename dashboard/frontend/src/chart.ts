// A number over the last six hours, with gaps where nothing was recorded.
import uPlot from "uplot";
import { getJson, type Context } from "./context.ts";
import { h, setText } from "./dom.ts";
import { clock, duration, isUtc, millis, short } from "./format.ts";
import { token } from "./theme.ts";

const HOURS = 6, POINTS = 360, LEAST = 600, TALL = 116, AGAIN_MS = 30_000;

export class Chart {
  readonly el = h("figure", { class: "chart" });
  private box = h("div", { class: "plot" });
  private now = h("b", { class: "num" });
  private plot: uPlot | null = null;
  private data: [number[], (number | null)[]] = [[], []];
  private askedAt = 0;
  private known = 0;

  constructor(private ctx: Context, private subject: string, private metric: string, private title: string, private unit: string) {
    this.el.append(h("figcaption", {}, h("span", {}, title), this.now), this.box);
    new ResizeObserver(() => this.plot?.setSize({ width: this.box.clientWidth, height: TALL })).observe(this.box);
  }

  update(): void {
    if (Date.now() - this.askedAt < AGAIN_MS) return;
    this.askedAt = Date.now();
    void this.ask();
  }

  themed(): void { if (this.data[0].length) this.draw(); }

  private async ask(): Promise<void> {
    const to = this.ctx.now(), seconds = Math.min(HOURS * 3600, Math.max(LEAST, this.known ? (to - this.known) / 1000 : HOURS * 3600)), step = Math.max(5, Math.ceil(seconds / POINTS)), query = new URLSearchParams({ subject: this.subject, metric: this.metric, from: new Date(to - seconds * 1000).toISOString(), to: new Date(to).toISOString(), step: String(step) });
    try {
      const answer = await getJson<{ points: [string, number | null][] }>(`/api/v1/series?${query}`);
      this.data = [answer.points.map(([t]) => (millis(t) ?? 0) / 1000), answer.points.map(([, v]) => v)];
      this.draw();
      this.narrow(seconds);
    } catch (error) {
      setText(this.now, `not read: ${(error as Error).message}`);
    }
  }

  /** Where less than these hours was ever recorded, what there is fills the width. */
  private narrow(seconds: number): void {
    const first = this.data[1].findIndex((v) => v !== null), at = this.data[0][first];
    if (this.known || at === undefined || seconds < HOURS * 3600 || first < this.data[0].length / 3) return;
    this.known = at * 1000 - 60_000;
    this.askedAt = Date.now();
    void this.ask();
  }

  private words(value: number | null | undefined): string {
    if (value === null || value === undefined) return "unknown";
    return this.unit === "s" ? duration(value) : `${short(Math.round(value * 10) / 10)}${this.unit}`;
  }

  private draw(): void {
    setText(this.now, this.words(this.data[1].findLast((v) => v !== null)));
    this.plot?.destroy();
    if (!this.data[0].length) { this.box.replaceChildren(h("p", { class: "dim" }, "Nothing recorded in these six hours.")); return; }
    this.box.replaceChildren();
    const axis = { stroke: token("--text-3"), grid: { stroke: token("--border-1"), width: 1 }, ticks: { show: false }, font: `11px ${token("--font")}` };
    const line = token("--text-2"), fill = `color-mix(in srgb, ${token("--text-3")} 14%, transparent)`;
    this.plot = new uPlot({
      width: Math.max(200, this.box.clientWidth), height: TALL, legend: { show: false }, cursor: { y: false },
      ...(isUtc() ? { tzDate: (t: number) => uPlot.tzDate(new Date(t * 1000), "Etc/UTC") } : {}),
      scales: { y: { range: (_u, _low, high) => [0, Math.max(1, high * 1.1)] } },
      axes: [{ ...axis, size: 22, values: (_u, at) => at.map((t) => clock(t * 1000, false)) }, { ...axis, size: 56, values: (_u, at) => at.map((v) => this.words(v)) }],
      series: [{}, { label: this.title, stroke: line, width: 1.5, fill, spanGaps: false, points: { show: false } }],
    }, this.data, this.box);
  }
}
