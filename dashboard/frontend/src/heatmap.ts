// Partition by time: how far behind each partition was, cell by cell, with the moments at which it was rebalanced.
import { getJson, type Context } from "./context.ts";
import { h, setText } from "./dom.ts";
import { clock, count, duration, many, millis, short, stamp } from "./format.ts";
import { cellAt, labelled, level, timesOn, topOf, type Box, type Metric } from "./heatscale.ts";
import { due, stretchOf, windTo, type Stretch } from "./stretch.ts";
import { token } from "./theme.ts";

interface HeatRow { topic: string; partition: number; values: (number | null)[] }
interface Answer { times: string[]; recorded: boolean[]; partitions: number; rows: HeatRow[] }
export interface Mark { at: number; words: string }
interface Options { topic?: string; small?: boolean; drawn?: () => void }

const AGAIN_MS = 10_000, AXIS = 18, GUTTER = 46, TABLE_STEPS = 8;

export class HeatMap {
  readonly el: HTMLElement;
  private canvas = h("canvas", { tabindex: "0", role: "img" });
  private tip = h("div", { class: "heattip", "aria-live": "polite" });
  private caption = h("small", {});
  private ramp = h("span", { class: "ramp" });
  private table = h("details", { class: "heattable" }, h("summary", {}, "As a table"));
  private plot: HTMLElement;
  private answer: Answer | null = null;
  private times: number[] = [];
  private shown: Stretch | null = null;
  private marks: Mark[] = [];
  private cursor: [number, number] | null = null;
  private askedAt = 0;
  private asking = false;
  private metric: Metric = "lag";
  private failed = "";
  private hindsight = "";
  private drawnAt: number | null = null;

  constructor(private ctx: Context, private group: string, private options: Options = {}) {
    this.plot = h("div", { class: "heatplot" }, this.canvas, this.tip);
    const toggle = h("div", { class: "seg heatseg", role: "group", "aria-label": "What is shown" }, ...(["lag", "time_lag"] as const).map((m) => h("button", { type: "button", "aria-pressed": String(m === this.metric), click: (event) => this.choose(m, event.currentTarget as HTMLElement) }, m === "lag" ? "Records" : "Time")));
    this.el = h("figure", { class: `heatbox${options.small ? " small" : " block"}` }, h("figcaption", {}, h("b", {}, options.small ? "Behind, by partition" : "How far behind, by partition and time"), this.caption, h("span", { class: "push" }), this.ramp, toggle), this.plot, options.small ? null : this.table);
    this.canvas.addEventListener("pointermove", (event) => this.point(event));
    this.canvas.addEventListener("pointerleave", () => this.select(null));
    this.canvas.addEventListener("click", (event) => { this.point(event); this.wind(); });
    this.canvas.addEventListener("keydown", (event) => this.key(event));
    this.table.addEventListener("toggle", () => this.drawTable());
    new ResizeObserver(() => this.draw()).observe(this.plot);
  }

  /** With each frame: asks again where the stretch moved, or there is something newer. */
  update(): void {
    const wanted = stretchOf(this.ctx), now = Date.now(), known = this.known();
    if (this.asking || !this.ctx.bounds()) return;
    if (due(this.ctx, wanted, known ? this.shown : null, now - this.askedAt, AGAIN_MS)) {
      this.askedAt = now;
      void this.ask(wanted);
    } else if (this.place() !== this.drawnAt) this.draw();
  }

  /** Whether what is shown was asked for with the same switch. */
  private known(): boolean { return this.hindsight === (this.ctx.params["hindsight"] ?? ""); }

  /** Where the playhead's line stands; null where the page is live. */
  private place(): number | null { return this.ctx.live() ? null : this.ctx.now(); }

  private wind(): void { if (this.cursor && this.shown) windTo(this.ctx, this.times[this.cursor[0]]!, this.shown); }

  themed(): void { this.draw(); }

  mark(marks: Mark[]): void { this.marks = marks; this.draw(); }

  get height(): number { return this.tall() + AXIS + 44; }

  private async ask({ from, to }: Stretch): Promise<void> {
    this.asking = true;
    const points = this.options.small ? 90 : 160, query = new URLSearchParams({ from: new Date(from).toISOString(), to: new Date(to).toISOString(), points: String(points), metric: this.metric });
    if (this.options.topic) query.set("topic", this.options.topic);
    this.hindsight = this.ctx.params["hindsight"] ?? "";
    if (this.hindsight) query.set("hindsight", this.hindsight);
    try {
      const answer = await getJson<Answer>(`/api/v1/groups/${encodeURIComponent(this.group)}/heat?${query}`);
      this.answer = answer;
      this.times = answer.times.map((t) => millis(t) ?? 0);
      this.shown = { from, to };
      this.failed = "";
    } catch (error) {
      this.failed = (error as Error).message;
    } finally { this.asking = false; }
    this.draw();
    this.drawTable();
    this.options.drawn?.();
  }

  private choose(metric: Metric, pressed: HTMLElement): void {
    this.metric = metric;
    pressed.parentElement?.querySelectorAll("button").forEach((b) => b.setAttribute("aria-pressed", String(b === pressed)));
    this.shown = null;
    this.update();
  }

  private words(value: number | null): string {
    if (value === null) return "unknown";
    return this.metric === "lag" ? `${count(value)} unread` : value === 0 ? "up to date" : `${duration(value)} behind`;
  }

  private tall(): number {
    const rows = this.answer?.rows.length ?? 0, most = this.options.small ? 132 : 320;
    return Math.max(24, Math.min(most, rows * (this.options.small ? 12 : 16)));
  }

  private box(): Box { return { left: GUTTER, top: 0, wide: Math.max(10, this.plot.clientWidth - GUTTER), tall: this.tall() }; }

  private draw(): void {
    const { answer } = this, wide = this.plot.clientWidth;
    setText(this.caption, this.said());
    this.drawnAt = this.place();
    if (!answer || wide < 60) return;
    const box = this.box(), ratio = Math.min(2, devicePixelRatio || 1), g = this.canvas.getContext("2d")!;
    this.canvas.width = Math.round(wide * ratio);
    this.canvas.height = Math.round((box.tall + AXIS) * ratio);
    this.canvas.style.width = `${wide}px`;
    this.canvas.style.height = `${box.tall + AXIS}px`;
    g.setTransform(ratio, 0, 0, ratio, 0, 0);
    const top = topOf(answer.rows.map((r) => r.values), this.metric), colours = [0, 1, 2, 3, 4, 5, 6].map((i) => token(`--heat-${i}`));
    this.cells(g, box, top, colours);
    this.gaps(g, box);
    this.axes(g, box);
    this.lines(g, box);
    this.legend(top, colours.length);
    this.canvas.setAttribute("aria-label", `How far behind each of ${many(answer.rows.length, "partition")} was, ${this.said()}. Arrow keys read cells; a table says the same.`);
    this.el.dataset["rows"] = String(answer.rows.length);
  }

  private said(): string {
    if (this.failed) return `not read: ${this.failed}`;
    if (!this.answer || !this.shown) return "reading";
    if (!this.answer.rows.length) return "no position was committed in this time";
    const left = this.answer.partitions - this.answer.rows.length;
    return `${clock(this.shown.from, false)} to ${clock(this.shown.to, false)}${left > 0 ? `, the worst ${this.answer.rows.length} of ${count(this.answer.partitions)} partitions` : ""}`;
  }

  private cells(g: CanvasRenderingContext2D, box: Box, top: number, colours: string[]): void {
    const { rows, times } = this.answer!, w = box.wide / times.length, tall = box.tall / Math.max(1, rows.length), air = tall > 6 ? 1 : 0;
    rows.forEach((row, y) => {
      for (let x = 0; x < row.values.length;) {
        const step = level(row.values[x]!, top);
        let end = x + 1;
        while (end < row.values.length && level(row.values[end]!, top) === step) end += 1;
        if (step !== null) { g.fillStyle = colours[step]!; g.fillRect(box.left + x * w, box.top + y * tall, (end - x) * w + 0.3, tall - air); }
        x = end;
      }
    });
  }

  /** Not recorded is hatched: it is neither nothing nor much. */
  private gaps(g: CanvasRenderingContext2D, box: Box): void {
    const { recorded } = this.answer!, w = box.wide / recorded.length;
    g.strokeStyle = token("--heat-gap");
    g.lineWidth = 1;
    recorded.forEach((known, i) => {
      if (known || recorded[i - 1] === false) return;
      const next = recorded.indexOf(true, i), left = box.left + i * w, right = box.left + (next < 0 ? recorded.length : next) * w;
      g.save();
      g.beginPath();
      g.rect(left, box.top, right - left, box.tall);
      g.clip();
      g.beginPath();
      for (let x = left - box.tall; x < right; x += 6) { g.moveTo(x, box.top + box.tall); g.lineTo(x + box.tall, box.top); }
      g.stroke();
      g.restore();
    });
  }

  private axes(g: CanvasRenderingContext2D, box: Box): void {
    const { rows } = this.answer!, tall = box.tall / Math.max(1, rows.length), several = new Set(rows.map((r) => r.topic)).size > 1;
    g.font = `10.5px ${token("--font")}`;
    g.fillStyle = token("--text-3");
    g.textBaseline = "middle";
    g.textAlign = "right";
    for (const i of labelled(rows.length, Math.floor(box.tall / 15))) g.fillText(`${several && (i === 0 || rows[i - 1]!.topic !== rows[i]!.topic) ? `${rows[i]!.topic.slice(0, 3)}… ` : ""}p${rows[i]!.partition}`, box.left - 6, Math.max(6, box.top + (i + 0.5) * tall));
    g.textAlign = "center";
    const { from, to } = this.shown!;
    for (const t of timesOn(from, to, Math.max(2, box.wide / 90))) {
      const x = box.left + ((t - from) / (to - from)) * box.wide;
      if (x > box.left + 16 && x < box.left + box.wide - 14) g.fillText(clock(t, to - from < 600_000), x, box.top + box.tall + 10);
    }
  }

  private lines(g: CanvasRenderingContext2D, box: Box): void {
    const { from, to } = this.shown!, x = (t: number): number => box.left + ((t - from) / (to - from)) * box.wide;
    const upright = (t: number, colour: string, dash: number[]): void => {
      if (t <= from || t >= to) return;
      g.strokeStyle = colour;
      g.lineWidth = 1.2;
      g.setLineDash(dash);
      g.beginPath();
      g.moveTo(x(t), box.top);
      g.lineTo(x(t), box.top + box.tall);
      g.stroke();
      g.setLineDash([]);
    };
    for (const mark of this.marks.slice(-60)) upright(mark.at, token("--text-1"), []);
    const now = this.ctx.now();
    if (now < to - (to - from) / 100) upright(now, token("--past"), [4, 3]);
    if (this.cursor) {
      const rows = this.answer!.rows.length, w = box.wide / this.times.length, tall = box.tall / Math.max(1, rows);
      g.strokeStyle = token("--accent");
      g.lineWidth = 2;
      g.strokeRect(box.left + this.cursor[0] * w - 1, box.top + this.cursor[1] * tall - 1, w + 2, tall + 1);
    }
  }

  private legend(top: number, steps: number): void {
    const key = `${top}|${this.metric}|${String(this.answer?.recorded.includes(false))}`;
    if (this.ramp.dataset["of"] === key) return;
    this.ramp.dataset["of"] = key;
    this.ramp.replaceChildren("0", h("i", {}, ...Array.from({ length: steps }, (_, i) => h("b", { class: `hb${i}` }))), this.metric === "lag" ? short(top) : duration(top), ...(this.answer?.recorded.includes(false) ? [h("i", { class: "hatch" }), "not recorded"] : []));
  }

  private point(event: MouseEvent): void {
    const at = this.canvas.getBoundingClientRect();
    this.select(this.answer ? cellAt(event.clientX - at.left, event.clientY - at.top, this.box(), this.times.length, this.answer.rows.length) : null);
  }

  private key(event: KeyboardEvent): void {
    const move = ({ ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] } as Record<string, [number, number]>)[event.key], { answer } = this;
    if (event.key === "Enter" && this.cursor) return this.wind();
    if (!move || !answer?.rows.length) return;
    event.preventDefault();
    event.stopPropagation();
    const [x, y] = this.cursor ?? [this.times.length - 1 - move[0], -move[1]], fit = (n: number, most: number): number => Math.max(0, Math.min(most - 1, n));
    this.select([fit(x + move[0], this.times.length), fit(y + move[1], answer.rows.length)]);
  }

  private select(cell: [number, number] | null): void {
    if (String(cell) === String(this.cursor)) return;
    this.cursor = cell;
    this.tip.classList.toggle("on", cell !== null);
    if (cell && this.answer) {
      const row = this.answer.rows[cell[1]]!, t = this.times[cell[0]]!, known = this.answer.recorded[cell[0]], box = this.box();
      const mark = this.marks.find((m) => Math.abs(m.at - t) <= (this.shown!.to - this.shown!.from) / this.times.length);
      setText(this.tip, `${row.topic} p${row.partition} at ${clock(t)}: ${known ? this.words(row.values[cell[0]]!) : "not recorded"}${mark ? ` · ${mark.words}` : ""}`);
      const left = box.left + ((cell[0] + 0.5) / this.times.length) * box.wide;
      this.tip.style.left = `${Math.max(4, Math.min(left - this.tip.offsetWidth / 2, this.plot.clientWidth - this.tip.offsetWidth - 4))}px`;
      const y = (cell[1] / this.answer.rows.length) * box.tall;
      this.tip.style.top = `${y > 40 ? y - 32 : y + box.tall / this.answer.rows.length + 6}px`;
    }
    this.draw();
  }

  /** The same for who does not see it: a few moments of every partition. */
  private drawTable(): void {
    if (!this.table.open || !this.answer || !this.times.length) return;
    const n = this.times.length, at = Array.from({ length: TABLE_STEPS }, (_, i) => Math.round(((i + 1) * n) / TABLE_STEPS) - 1), { rows, recorded } = this.answer;
    const cell = (row: HeatRow, i: number): string => (recorded[i] ? (this.metric === "lag" ? short(row.values[i] ?? null) : duration(row.values[i] ?? null)) : "not recorded");
    const head = h("tr", {}, h("th", { scope: "col" }, "Topic"), h("th", { scope: "col", class: "r" }, "Partition"), ...at.map((i) => h("th", { scope: "col", class: "r", title: stamp(this.times[i]!) }, clock(this.times[i]!))), h("th", { scope: "col", class: "r" }, "Most"));
    const most = (row: HeatRow): string => { const known = row.values.filter((v): v is number => v !== null), top = known.length ? Math.max(...known) : null; return this.metric === "lag" ? short(top) : duration(top); };
    const body = rows.map((row) => h("tr", {}, h("td", {}, row.topic), h("td", { class: "r num" }, String(row.partition)), ...at.map((i) => h("td", { class: "r num" }, cell(row, i))), h("td", { class: "r num" }, most(row))));
    this.table.querySelector(".tscroll")?.remove();
    this.table.append(h("div", { class: "tscroll" }, h("table", { class: "plaintable" }, h("caption", { class: "sr" }, this.metric === "lag" ? "Unread records by partition" : "Seconds behind by partition"), h("thead", {}, head), h("tbody", {}, ...body))));
  }
}
