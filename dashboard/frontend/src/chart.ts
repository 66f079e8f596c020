// Numbers over the stretch that the page shows, with gaps where nothing was recorded, and where the playhead stands.
import uPlot from "uplot";
import { getJson, type Context } from "./context.ts";
import { h, setText } from "./dom.ts";
import { clock, duration, isUtc, millis, rate, short } from "./format.ts";
import { due, stretchOf, type Stretch } from "./stretch.ts";
import { token } from "./theme.ts";

const POINTS = 360, LEAST_STEP = 2, TALL = 116, AGAIN_MS = 30_000;

/** A line of a chart; the first is drawn full, the second as what it is held against. */
export interface Line { metric: string; name: string }
type Points = [string, number | null][];

export class Chart {
  readonly el = h("figure", { class: "chart" });
  private box = h("div", { class: "plot" });
  private now = h("span", { class: "chnow num" });
  private plot: uPlot | null = null;
  private data: [number[], ...(number | null)[][]] = [[], []];
  private askedAt = 0;
  private asking = false;
  private shown: Stretch | null = null;
  private hindsight = "";
  private drawnAt: number | null = null;

  constructor(private ctx: Context, private subject: string, private lines: Line[], title: string, private unit: string) {
    this.el.append(h("figcaption", {}, h("span", {}, title), this.now), this.box);
    new ResizeObserver(() => this.plot?.setSize({ width: this.box.clientWidth, height: TALL })).observe(this.box);
  }

  update(): void {
    const wanted = stretchOf(this.ctx), now = Date.now(), known = this.hindsight === (this.ctx.params["hindsight"] ?? "");
    if (this.asking || !this.ctx.bounds()) return;
    if (due(this.ctx, wanted, known ? this.shown : null, now - this.askedAt, AGAIN_MS)) {
      this.askedAt = now;
      void this.ask(wanted);
    } else if (this.place() !== this.drawnAt) {
      this.say();
      this.plot?.redraw(false);
    }
  }

  /** Where the playhead's line stands; null where the page is live. */
  private place(): number | null { return this.ctx.live() ? null : this.ctx.now(); }

  themed(): void { if (this.data[0].length) this.draw(); }

  private async ask({ from, to }: Stretch): Promise<void> {
    this.asking = true;
    this.hindsight = this.ctx.params["hindsight"] ?? "";
    const step = Math.max(LEAST_STEP, Math.ceil((to - from) / 1000 / POINTS));
    // Whole steps back from the end, so that the last point is the playhead's own.
    const start = to - Math.ceil((to - from) / 1000 / step) * step * 1000;
    const query = new URLSearchParams({ subject: this.subject, from: new Date(start).toISOString(), to: new Date(to).toISOString(), step: String(step), ...(this.hindsight ? { hindsight: this.hindsight } : {}) });
    try {
      const answers = await Promise.all(this.lines.map((line) => getJson<{ points: Points }>(`/api/v1/series?${query}&metric=${line.metric}`)));
      this.data = [answers[0]!.points.map(([t]) => (millis(t) ?? 0) / 1000), ...answers.map((a) => a.points.map(([, v]) => v))];
      this.shown = { from, to };
      this.draw();
    } catch (error) {
      this.shown = { from, to };
      setText(this.now, `not read: ${(error as Error).message}`);
    } finally { this.asking = false; }
  }

  private words(value: number | null | undefined): string {
    if (value === null || value === undefined) return "unknown";
    if (this.unit === "/s") return rate(value);
    return this.unit === "s" ? duration(value) : `${short(Math.round(value * 10) / 10)}${this.unit}`;
  }

  /** What each line says at the playhead. */
  private say(): void {
    this.drawnAt = this.place();
    const at = this.ctx.now() / 1000, after = this.data[0].findIndex((t) => t > at), last = after < 0 ? this.data[0].length : after;
    const said = this.lines.map((line, i) => {
      const value = this.words(this.data[i + 1]?.slice(0, last).findLast((v) => v !== null));
      return this.lines.length > 1 ? h("span", { class: `ln${i}` }, h("i", {}), `${line.name} `, h("b", {}, value)) : h("b", {}, value);
    });
    this.now.replaceChildren(...said);
  }

  private draw(): void {
    this.say();
    this.plot?.destroy();
    this.plot = null;
    if (!this.data.slice(1).some((line) => line.some((v) => v !== null))) { this.box.replaceChildren(h("p", { class: "dim" }, "Nothing was recorded in this time.")); return; }
    this.box.replaceChildren();
    const axis = { stroke: token("--text-3"), grid: { stroke: token("--border-1"), width: 1 }, ticks: { show: false }, font: `11px ${token("--font")}` };
    const fill = `color-mix(in srgb, ${token("--text-3")} 14%, transparent)`, short = this.shown !== null && this.shown.to - this.shown.from < 600_000;
    const looks = [{ stroke: token("--text-2"), fill }, { stroke: token("--accent"), dash: [5, 3] }];
    this.plot = new uPlot({
      width: Math.max(200, this.box.clientWidth), height: TALL, legend: { show: false }, cursor: { y: false }, hooks: { draw: [(u) => this.stands(u)] },
      ...(isUtc() ? { tzDate: (t: number) => uPlot.tzDate(new Date(t * 1000), "Etc/UTC") } : {}),
      scales: { y: { range: (_u, _low, high) => [0, Math.max(1, high * 1.1)] } },
      axes: [{ ...axis, size: 22, space: short ? 70 : 50, values: (_u, at) => at.map((t) => clock(t * 1000, short)) }, { ...axis, size: (_u, said) => 20 + 6 * Math.max(6, ...(said ?? []).map((word) => word.length)), values: (_u, at) => at.map((v) => this.words(v)) }],
      series: [{}, ...this.lines.map((line, i) => ({ label: line.name, width: 1.5, spanGaps: false, points: { show: false }, ...looks[i] }))],
    }, this.data as uPlot.AlignedData, this.box);
  }

  /** The playhead, where what is shown goes on after it. */
  private stands(u: uPlot): void {
    const at = this.ctx.now() / 1000, last = this.data[0].at(-1) ?? 0, first = this.data[0][0] ?? 0;
    if (this.ctx.live() || at <= first || at >= last - (last - first) / 100) return;
    const x = Math.round(u.valToPos(at, "x", true)), { ctx: g, bbox } = u;
    g.save();
    g.strokeStyle = token("--past");
    g.lineWidth = 1.5 * devicePixelRatio;
    g.setLineDash([]);
    g.beginPath();
    g.moveTo(x, bbox.top);
    g.lineTo(x, bbox.top + bbox.height);
    g.stroke();
    g.restore();
  }
}
