// The tape at the bottom: the moment shown, total lag as it came in, what was not recorded, what changed.
import { getJson, type Context } from "./context.ts";
import { byId, debounce, h, s, setText } from "./dom.ts";
import { clock, day, isUtc, millis, short, stamp } from "./format.ts";
import type { State } from "./types.ts";

interface TapeAnswer { at: string; total_lag: [string, number | null][]; changes: { at: string; count: number; label: string }[]; gaps: [string, string][] }

const WINDOW = 6 * 3_600_000, POINTS = 360, TALL = 60, WIDE = 1000;

/** A range that fits what is recorded: at least a minute, at most six hours. */
function span(begin: number, end: number): [number, number] {
  const length = Math.min(WINDOW, Math.max(60_000, (end - begin) * 1.02));
  return [end - length, end];
}

export class Tape {
  private values: [number, number | null][] = [];
  private gaps: [number, number][] = [];
  private changes: { at: number; count: number; label: string }[] = [];
  private marks = h("div", { class: "marks" });
  private linked = false;
  private svg = s("svg", { viewBox: `0 0 ${WIDE} ${TALL}`, preserveAspectRatio: "none", role: "img", "aria-label": "Total lag over time" });
  private drawLater = debounce(200, () => this.draw());

  constructor(private ctx: Context) {
    document.querySelector("#tape .lane.lg")?.append(this.svg);
    document.querySelector("#tape .line")?.append(this.marks);
    const lane = document.querySelector("#tape .line");
    if (lane) new ResizeObserver(() => this.drawLater()).observe(lane);
  }

  /** Once the first frame is here: what was recorded before it. */
  async load(length = WINDOW): Promise<void> {
    const to = this.ctx.now(), from = to - length;
    const query = new URLSearchParams({ from: new Date(from).toISOString(), to: new Date(to).toISOString(), points: String(POINTS) });
    try {
      const answer = await getJson<TapeAnswer>(`/api/v1/tape?${query}`);
      const newer = this.values;
      this.values = answer.total_lag.map(([t, v]) => [millis(t) ?? 0, v]);
      const end = this.values.at(-1)?.[0] ?? 0;
      this.values.push(...newer.filter(([t]) => t > end));
      this.gaps = answer.gaps.map(([a, b]) => [millis(a) ?? 0, millis(b) ?? 0]);
      this.changes = answer.changes.map((c) => ({ at: millis(c.at) ?? 0, count: c.count, label: c.label }));
      // Recorded for a short while only: ask again, as finely as it is drawn.
      const begin = this.values.find(([, v]) => v !== null)?.[0];
      if (length === WINDOW && begin && to - begin < WINDOW / 3) return await this.load(to - begin + 2 * (WINDOW / POINTS));
    } catch { /* the tape goes on with what comes live; the strips say what is wrong */ }
    this.draw();
  }

  update(state: State): void {
    const at = millis(state.at) ?? this.ctx.now(), total = state.meta["total_lag"] as number | null | undefined;
    setText(byId("total"), short(total ?? null));
    const last = this.values.at(-1);
    if (last && last[0] >= at) return;
    this.values.push([at, total ?? null]);
    while (this.values.length > 4 * POINTS) this.values.shift();
    this.drawLater();
  }

  link(up: boolean): void {
    if (this.linked === up && byId("live")?.dataset["up"]) return;
    this.linked = up;
    const el = byId("live");
    if (!el) return;
    el.dataset["up"] = String(up);
    el.classList.toggle("on", up);
    setText(el.querySelector("span"), up ? "Live" : "Not connected");
  }

  /** The clock shows the frame's moment, not the wall's: that is what the page shows. */
  tick(): void {
    const at = millis(this.ctx.state()?.at);
    if (at === null) return;
    setText(byId("clock"), clock(at));
    setText(byId("day"), isUtc() ? `${day(at)}, UTC` : `${day(at)}, here`);
    setText(byId("here"), isUtc() ? `${clock(at, false, false)} here` : `${clock(at, false, true)} UTC`);
  }

  private draw(): void {
    const end = this.values.at(-1)?.[0] ?? this.ctx.now();
    const begin = this.values.find(([, v]) => v !== null)?.[0] ?? end;
    const [from, to] = span(begin, end), top = Math.max(1, ...this.values.map(([t, v]) => (t >= from ? v ?? 0 : 0)));
    const x = (t: number): number => ((t - from) / (to - from)) * WIDE;
    const y = (v: number): number => TALL - 1.5 - (v / top) * (TALL - 8);
    const [line, area] = paths(this.values.filter(([t]) => t >= from), this.gaps, x, y);
    this.svg.replaceChildren(s("path", { class: "a", d: area }), s("path", { class: "l", d: line }));
    this.drawMarks(from, to, x, begin);
    this.tick();
  }

  private drawMarks(from: number, to: number, x: (t: number) => number, begin: number): void {
    const at = (el: HTMLElement, t: number): HTMLElement => { el.style.left = `${Math.max(0, x(t) / 10)}%`; return el; };
    const nodes: HTMLElement[] = [];
    const unrecorded: [number, number][] = begin > from ? [[from, begin], ...this.gaps] : this.gaps;
    for (const [a, b] of unrecorded) {
      if (b <= from || b <= a) continue;
      const start = Math.max(a, from), wide = x(b) - x(start);
      const el = at(h("span", { class: "gap", title: `${clock(start)} to ${clock(b)} not recorded` }, wide > 70 ? h("span", {}, "not recorded") : null), start);
      el.style.width = `${wide / 10}%`;
      nodes.push(el);
    }
    for (const t of ticks(from, to)) nodes.push(at(h("span", { class: x(t) > 900 ? "tk near" : "tk" }, clock(t, to - from < 300_000)), t));
    for (const c of gathered(this.changes.filter((each) => each.at >= from), x)) nodes.push(at(h("span", { class: c.count > 1 ? "mark many" : "mark", title: `${stamp(c.at)}: ${c.label}` }, c.count > 1 ? String(c.count) : null, h("span", { class: "sr" }, c.label)), c.at));
    nodes.push(at(h("span", { class: "ph end" }, h("span", {}, clock(to))), to));
    this.marks.replaceChildren(...nodes);
  }
}

/** The line and the ground under it; a gap or an unknown value ends a piece. */
function paths(values: [number, number | null][], gaps: [number, number][], x: (t: number) => number, y: (v: number) => number): [string, string] {
  let line = "", area = "", piece: [number, number][] = [];
  const flush = (): void => {
    if (!piece.length) return;
    const points = piece.map(([t, v]) => `${x(t).toFixed(1)} ${y(v).toFixed(1)}`).join("L");
    line += `M${points}`;
    area += `M${x(piece[0]![0]).toFixed(1)} ${TALL}L${points}L${x(piece.at(-1)![0]).toFixed(1)} ${TALL}Z`;
    piece = [];
  };
  for (const [t, v] of values) {
    const last = piece.at(-1)?.[0];
    if (v === null || (last !== undefined && gaps.some(([a, b]) => a < t && b > last && b - a > 0))) flush();
    if (v !== null) piece.push([t, v]);
  }
  flush();
  return [line || "M0 0", area || "M0 0"];
}

/** Changes too near to each other to be told apart become one mark with their number. */
function gathered<T extends { at: number; count: number; label: string }>(changes: T[], x: (t: number) => number): { at: number; count: number; label: string }[] {
  const out: { at: number; count: number; label: string }[] = [];
  for (const c of [...changes].sort((a, b) => a.at - b.at)) {
    const last = out.at(-1);
    if (last && x(c.at) - x(last.at) < 22) { last.count += c.count; last.label = `${last.count} changes`; }
    else out.push({ at: c.at, count: c.count, label: c.label });
  }
  return out;
}

function ticks(from: number, to: number): number[] {
  const steps = [15_000, 30_000, 60_000, 120_000, 300_000, 600_000, 1_800_000, 3_600_000, 7_200_000];
  const step = steps.find((each) => (to - from) / each <= 7) ?? 7_200_000, out: number[] = [];
  for (let t = Math.ceil(from / step) * step; t < to - (to - from) * 0.07; t += step) if (t > from + (to - from) * 0.03) out.push(t);
  return out;
}
