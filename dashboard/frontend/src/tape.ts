// The tape at the bottom: lag as it was, what was not recorded, what changed, and where the playhead stands.
import { alertCss } from "./firing.ts";
import { getJson, type Context } from "./context.ts";
import { paths } from "./curve.ts";
import { byId, debounce, h, icon, s, setText } from "./dom.ts";
import { clock, date, day, duration, exactClock, millis, short, stamp } from "./format.ts";
import type { Head } from "./head.ts";
import { Scrub, visible } from "./scrub.ts";
import { gathered, length, partOf, SHORTEST, ticks, valueAt, within, type Mark, type Span } from "./span.ts";
import type { State } from "./types.ts";

interface Answer { at: string; total_lag: [string, number | null][]; changes: { at: string; count: number; label: string }[]; gaps: [string, string][]; alerts: { id: string; from: string; to: string | null; summary: string; severity: string; verdict: string }[] }

interface Band { id: string; from: number; to: number | null; words: string; css: string; grave: number }

const WINDOW = 6 * 3_600_000, TALL = 60, WIDE = 1000, DAY = 86_400_000, AGAIN = 30_000;
const SUBJECTS = ["topic", "group", "service", "team"];

export class Tape {
  private values: [number, number | null][] = [];
  private gaps: [number, number][] = [];
  private changes: Mark[] = [];
  private alerts: Band[] = [];
  private span: Span = { from: 0, to: 0 };
  private following = true;
  private loadedAt = 0;
  private asked: AbortController | null = null;
  private chosen: [number, number] | null = null;
  private marks = h("div", { class: "marks" });
  private over = h("div", { class: "hovertip", hidden: true });
  private handle = h("span", { class: "ph", id: "ph", role: "slider", tabindex: "0", "aria-label": "Playhead" }, h("span", {}));
  private svg = s("svg", { viewBox: `0 0 ${WIDE} ${TALL}`, preserveAspectRatio: "none", role: "img", "aria-label": "Lag over time" });
  private line = document.querySelector<HTMLElement>("#tape .line");
  private scrub: Scrub | null = null;
  private drawLater = debounce(150, () => this.draw());
  private loadLater = debounce(200, () => void this.load());
  readonly subject: string;

  constructor(private ctx: Context, private head: Head) {
    this.subject = SUBJECTS.includes(ctx.view) ? ctx.params["id"] ?? "" : "";
    if (this.subject) setText(byId("what"), "Its lag");
    if (!this.line) return;
    this.line.querySelector(".lane.lg")?.append(this.svg);
    this.line.append(this.marks, this.handle, this.over);
    new ResizeObserver(() => this.drawLater()).observe(this.line);
    this.scrub = new Scrub(this.line, {
      span: () => this.span, limits: () => this.limits(), setSpan: (span) => this.show(span), seek: (to) => head.seek(to),
      hover: (time) => this.hover(time), range: (from, to, done) => this.range(from, to, done),
    });
    this.wire(this.scrub);
    this.sync();
  }

  private wire(scrub: Scrub): void {
    const on = (id: string, run: () => void): void => { byId(id)?.addEventListener("click", run); };
    on("shorter", () => scrub.zoom(-1, this.pivot()));
    on("longer", () => scrub.zoom(1, this.pivot()));
    on("range", () => {
      scrub.selecting = !scrub.selecting;
      byId("range")?.setAttribute("aria-pressed", String(scrub.selecting));
    });
    this.handle.addEventListener("keydown", (event) => {
      if (event.key === "Home" && this.head.begin !== null) this.head.seek(this.head.begin);
      else if (event.key === "End") this.head.goLive();
      else if (event.key === "+" || event.key === "=") scrub.zoom(-1, this.pivot());
      else if (event.key === "-") scrub.zoom(1, this.pivot());
      else return;
      event.preventDefault();
    });
  }

  private pivot(): number { return this.head.live ? this.span.to : this.head.place ?? this.span.to; }

  private limits(): [number, number] {
    const end = this.end();
    return [Math.min(this.head.begin ?? end, end), end];
  }

  /** The newest moment there is. */
  private end(): number { return Math.max(this.head.end ?? 0, this.values.at(-1)?.[0] ?? 0) || this.ctx.now(); }

  private show(span: Span): void {
    const far = length(span) > length(this.span) * 1.2 || span.from < this.span.from || length(span) < length(this.span) / 1.5;
    this.span = span;
    this.following = span.to >= this.end() - length(span) * 0.01;
    this.draw();
    if (far || span.to > this.loadedAt) this.loadLater();
  }

  /** Once it is known where the tape begins: a stretch that fits what is recorded, or that holds the moment shown. */
  begin(): void {
    const [begin, end] = this.limits(), wide = Math.min(WINDOW, Math.max(SHORTEST, (end - begin) * 1.02));
    const place = this.head.live ? end : this.head.place ?? end;
    this.span = { from: end - wide, to: end };
    if (!visible(this.span, place)) this.span = within({ from: place - wide / 2, to: place + wide / 2 }, begin, end);
    this.following = this.span.to >= end - 1;
    void this.load();
  }

  private async load(): Promise<void> {
    this.asked?.abort();
    const asked = (this.asked = new AbortController());
    const points = Math.min(1000, Math.max(100, Math.round((this.line?.clientWidth ?? 360) / 2)));
    const query = new URLSearchParams({ from: new Date(this.span.from).toISOString(), to: new Date(this.span.to).toISOString(), points: String(points) });
    if (this.subject) query.set("subject", this.subject);
    try {
      const answer = await getJson<Answer>(`/api/v1/tape?${query}`, asked.signal);
      this.values = answer.total_lag.map(([t, v]) => [millis(t) ?? 0, v]);
      this.gaps = answer.gaps.map(([a, b]) => [millis(a) ?? 0, millis(b) ?? 0]);
      this.changes = answer.changes.map((c) => ({ at: millis(c.at) ?? 0, count: c.count, label: c.label }));
      this.alerts = answer.alerts.map((a) => ({ id: a.id, from: millis(a.from) ?? 0, to: millis(a.to), words: a.summary, css: alertCss(a), grave: ["info", "warning", "critical"].indexOf(a.severity) }));
      this.loadedAt = this.span.to;
    } catch { /* the tape goes on with what comes live; the strips say what is wrong */ }
    if (asked === this.asked) this.draw();
  }

  /** A live frame: the line grows; what has a line of its own is asked for again from time to time. */
  update(state: State): void {
    const at = millis(state.at) ?? this.ctx.now(), total = this.subject ? lagOf(state) : (state.meta["total_lag"] as number | null | undefined);
    setText(byId("total"), short(total ?? null));
    if (!this.head.live) return;
    if (total !== undefined && at > (this.values.at(-1)?.[0] ?? 0)) this.values.push([at, total]);
    if (this.following && at > this.span.to) this.span = { from: at - length(this.span), to: at };
    if (this.following && this.span.to > this.loadedAt + AGAIN) this.loadLater();
    this.drawLater();
  }

  /** The playhead moved: a stretch that it has left is turned like a page. */
  placed(): void {
    const place = this.head.live ? this.end() : this.head.place;
    if (place === null || !length(this.span)) return;
    if (this.head.live && !this.following) this.show(within({ from: place - length(this.span), to: place }, ...this.limits()));
    else if (!visible(this.span, place)) this.show(within({ from: place - length(this.span) * 0.1, to: place + length(this.span) * 0.9 }, ...this.limits()));
    this.drawHandle();
  }

  private hover(time: number | null): void {
    this.over.hidden = time === null;
    if (time === null) return;
    const step = Math.max(...this.steps()), fires = this.alerts.filter((a) => a.from <= time && time <= (a.to ?? Infinity)), near = this.changes.filter((c) => Math.abs(partOf(this.span, c.at) - partOf(this.span, time)) < 0.008);
    const gap = this.gaps.some(([a, b]) => a < time && time < b);
    const value = gap ? null : valueAt(this.values, time, 3 * step);
    this.over.replaceChildren(h("b", { class: "num" }, stamp(time)), h("span", {}, gap ? "not recorded" : `lag ${short(value)}`), ...near.slice(0, 3).map((c) => h("span", { class: "ev" }, c.label)), ...fires.slice(0, 3).map((a) => h("span", { class: "ev" }, `firing: ${a.words}`)));
    const wide = this.line?.clientWidth ?? 0, half = this.over.offsetWidth / 2 + 2;
    this.over.style.left = `${Math.max(half - (this.line?.offsetLeft ?? 0), Math.min(wide - half + 8, partOf(this.span, time) * wide))}px`;
  }

  private steps(): number[] {
    return [10_000, ...this.values.slice(1, 3).map(([t], i) => t - (this.values[i]?.[0] ?? t)), length(this.span) / 1000];
  }

  private range(from: number, to: number, done: boolean): void {
    this.chosen = [from, to];
    if (done) this.ctx.setParams({ from: new Date(from).toISOString(), to: new Date(to).toISOString() }, true);
    this.draw();
    if (!done) return;
    if (this.scrub) this.scrub.selecting = false;
    byId("range")?.setAttribute("aria-pressed", "false");
  }

  private forget(): void {
    this.ctx.setParams({ from: null, to: null }, true);
    this.draw();
  }

  private draw(): void {
    if (!length(this.span)) return;
    const x = (t: number): number => partOf(this.span, t) * WIDE;
    const shown = this.values.filter(([t]) => t >= this.span.from - length(this.span) / 50 && t <= this.span.to);
    const top = Math.max(1, ...shown.map(([, v]) => v ?? 0)), y = (v: number): number => TALL - 1.5 - (v / top) * (TALL - 8);
    const [line, area] = paths(shown, this.gaps, x, y, TALL);
    this.svg.replaceChildren(s("path", { class: "a", d: area }), s("path", { class: "l", d: line }));
    this.marks.replaceChildren(...this.drawGaps(), ...this.drawTicks(), ...this.drawAlerts(), ...this.drawChanges(), ...this.drawRange());
    setText(byId("long"), duration(length(this.span) / 1000));
    this.drawHandle();
  }

  private at<E extends HTMLElement>(el: E, time: number): E {
    el.style.left = `${Math.max(0, partOf(this.span, time) * 100)}%`;
    return el;
  }

  private stretch(css: string, from: number, to: number, ...inside: (Node | null)[]): HTMLElement[] {
    const [a, b] = [Math.max(from, this.span.from), Math.min(to, this.span.to)];
    if (b <= a) return [];
    const el = this.at(h("span", { class: css }, ...inside), a);
    el.style.width = `${((b - a) / length(this.span)) * 100}%`;
    return [el];
  }

  private drawGaps(): HTMLElement[] {
    const begin = this.head.begin ?? this.values.find(([, v]) => v !== null)?.[0] ?? this.span.from;
    const before: [number, number][] = begin > this.span.from ? [[this.span.from, begin]] : [];
    return [...before, ...this.gaps].flatMap(([a, b]) => {
      const wide = (Math.min(b, this.span.to) - Math.max(a, this.span.from)) / length(this.span);
      const made = this.stretch("gap", a, b, wide > 0.08 ? h("span", {}, "not recorded") : null);
      made.forEach((el) => { el.title = `${clock(Math.max(a, this.span.from))} to ${clock(b)} not recorded`; });
      return made;
    });
  }

  private drawTicks(): HTMLElement[] {
    const long = length(this.span) > 1.5 * DAY, fine = length(this.span) <= 600_000;
    return ticks(this.span, Math.min(8, Math.max(3, Math.floor((this.line?.clientWidth ?? 1000) / (fine ? 88 : 62))))).map((t) => this.at(h("span", { class: partOf(this.span, t) > 0.9 ? "tk near" : "tk" }, long ? day(t).replace(/^\w+ /, "") : clock(t, fine)), t));
  }

  private drawChanges(): HTMLElement[] {
    const px = length(this.span) / Math.max(200, this.line?.clientWidth ?? 1000);
    return gathered(this.changes.filter((c) => visible(this.span, c.at)), px).map((c) => this.at(
      h("button", { type: "button", tabindex: "-1", class: c.count > 1 ? "mark many" : "mark", title: `${stamp(c.at)}: ${c.label}`, click: () => this.head.seek(c.at) },
        c.count > 1 ? String(c.count) : null, h("span", { class: "sr" }, `${clock(c.at)} ${c.label}`)), c.at));
  }

  /** What fired, as bands; of those that lie on each other the gravest, then the shortest, is on top. */
  private drawAlerts(): HTMLElement[] {
    const all = [...this.alerts].sort((a, b) => a.grave - b.grave || (b.to ?? Infinity) - b.from - ((a.to ?? Infinity) - a.from) || a.from - b.from);
    return all.flatMap((a, i) => {
      const made = this.stretch(`band ${a.css}${a.to === null ? " open" : ""}`, a.from, a.to ?? this.end());
      made.forEach((el) => {
        const px = this.labelled(a, all.slice(i + 1)), words = `${clock(a.from)} to ${a.to === null ? "now" : clock(a.to)}: ${a.words}`;
        const label = h("span", { class: "lbl" }, a.words);
        label.style.maxWidth = `${px}px`;
        el.title = words;
        el.append(px > 60 ? label : "", h("span", { class: "sr" }, words));
        el.addEventListener("pointerdown", (event) => event.stopPropagation());
        el.addEventListener("click", () => this.head.seek(a.from));
      });
      return made;
    });
  }

  /** The room, in pixels, that a band's label has before one of those on top of it begins. */
  private labelled(a: Band, above: Band[]): number {
    const begin = Math.max(a.from, this.span.from), over = above.filter((b) => (b.to ?? Infinity) > begin);
    const end = Math.min(a.to ?? this.end(), this.span.to, ...over.map((b) => b.from));
    return Math.round(((end - begin) / length(this.span)) * (this.line?.clientWidth ?? 1000)) - 10;
  }

  private drawRange(): HTMLElement[] {
    if (!this.chosen) return [];
    const [from, to] = this.chosen;
    const made = this.stretch("range", from, to, h("button", { type: "button", class: "x", "aria-label": "Forget the range", title: `${stamp(from)} to ${stamp(to)}`, click: () => this.forget() }, icon("close", "i s")));
    return made;
  }

  private drawHandle(): void {
    const live = this.head.live, place = live ? this.span.to : this.head.place;
    this.handle.hidden = place === null || !visible(this.span, place);
    this.sync();
    if (place === null) return;
    this.at(this.handle, place);
    this.handle.classList.toggle("end", partOf(this.span, place) > 0.95);
    setText(this.handle.firstElementChild, clock(live ? this.end() : place));
    this.handle.setAttribute("aria-valuetext", live ? `live, ${stamp(this.end())}` : `${date(place)}, ${exactClock(place)}`);
    this.handle.setAttribute("aria-valuemin", String(Math.round(this.span.from / 1000)));
    this.handle.setAttribute("aria-valuemax", String(Math.round(this.span.to / 1000)));
    this.handle.setAttribute("aria-valuenow", String(Math.round(place / 1000)));
    this.drawLaterShade(live ? null : place);
    this.clearTicks();
  }

  /** No hour stands half under the playhead's own. */
  private clearTicks(): void {
    const own = this.handle.hidden ? null : this.handle.firstElementChild?.getBoundingClientRect() ?? null;
    this.marks.querySelectorAll(".tk").forEach((tick) => {
      const box = tick.getBoundingClientRect();
      tick.classList.toggle("under", own !== null && box.right > own.left - 4 && box.left < own.right + 4);
    });
  }

  /** The range of the address, which others may have chosen. */
  private sync(): void {
    const from = millis(this.ctx.params["from"]), to = millis(this.ctx.params["to"]), given: [number, number] | null = from !== null && to !== null && from < to ? [from, to] : null;
    if (this.scrub?.busy || String(given) === String(this.chosen)) return;
    this.chosen = given;
    this.drawLater();
  }

  /** What lies after the playhead is dimmed; its changes stay legible. */
  private drawLaterShade(place: number | null): void {
    let shade = this.line?.querySelector<HTMLElement>(".later") ?? null;
    if (place === null) { shade?.remove(); return; }
    if (!shade) { shade = h("span", { class: "later" }); this.marks.before(shade); }
    shade.style.left = `${Math.max(0, partOf(this.span, place) * 100)}%`;
    shade.style.right = "0";
  }
}

/** All that is unread on the page of one thing. */
function lagOf(state: State): number | null | undefined {
  const known = Object.values(state.tables["lag"] ?? {}).map((row) => row["lag"]).filter((lag): lag is number => typeof lag === "number");
  if (!state.tables["lag"]) return undefined;
  return known.length ? known.reduce((sum, lag) => sum + lag, 0) : null;
}
