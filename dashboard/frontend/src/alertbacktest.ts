// What a rule would have done: asked of the recorded tape, drawn with its threshold, its gaps and the times it would have fired.
import { pageAt, said, upper, whatOf } from "./alertparts.ts";
import { valueWords, type Definition, type Metric } from "./alertsentence.ts";
import type { Context } from "./context.ts";
import { paths } from "./curve.ts";
import { h, s } from "./dom.ts";
import { clock, day, duration, many, millis, short } from "./format.ts";
import { partOf, ticks, type Span } from "./span.ts";

interface Fired { subject: string; since: string; fired: string; resolved: string | null; value: number | null; what: string }
interface Whole {
  done: number; from: string; to: string; fired: number; firing: number; left_out: number; minutes: number; incidents: Fired[];
  curve: [string, number | null][]; gaps: [string, string][]; holds: { for: number; fired: number }[];
  saved: { sentence: string; fired: number; incidents: Fired[] } | null;
}

const WIDE = 1000, TALL = 76, MOST_BANDS = 400, MOST_LINES = 12;
const RANGES: [string, string][] = [["1", "day"], ["7", "7 days"], ["30", "30 days"], ["90", "90 days"]];

export class Backtest {
  readonly el = h("div", { class: "btbox" });
  private asked: AbortController | null = null;
  private days = 30;
  private last: [Definition, Metric, string] | null = null;

  constructor(private ctx: Context, private hold: (seconds: number) => void) {}

  /** Asks anew; what was under way for another wording ends. `saved` is the id of the rule as it is saved. */
  async run(rule: Definition, metric: Metric, saved: string): Promise<void> {
    this.last = [rule, metric, saved];
    this.asked?.abort();
    const asked = (this.asked = new AbortController()), bar = h("progress", { max: 1, value: 0, "aria-label": "How far the back-test is" });
    this.el.setAttribute("aria-busy", "true");
    if (!this.el.querySelector(".bt")) this.el.replaceChildren(h("p", { class: "btwait", role: "status" }, "Looking through what was recorded", bar));
    try {
      const from = `-${this.days}d`, answer = await fetch("/api/v1/alerts/rules/backtest?stream=true", { method: "POST", credentials: "same-origin", signal: asked.signal, headers: { "content-type": "application/json", "x-csrftoken": this.ctx.csrf }, body: JSON.stringify({ definition: rule, from, saved }) });
      if (!answer.ok) throw new Error(upper(((await answer.json().catch(() => ({}))) as { detail?: string }).detail ?? `the server answered ${answer.status}`));
      for await (const line of lines(answer)) {
        const found = JSON.parse(line) as Whole & { error?: string };
        if (asked.signal.aborted) return;
        if (found.error) throw new Error(found.error);
        bar.value = found.done;
        if (found.incidents) this.draw(found, rule, metric);
      }
    } catch (error) { if (!asked.signal.aborted) this.el.replaceChildren(h("p", { class: "btwait", role: "alert" }, said(error))); }
    if (asked === this.asked) this.el.removeAttribute("aria-busy");
  }

  private draw(w: Whole, rule: Definition, metric: Metric): void {
    const span: Span = { from: millis(w.from) ?? 0, to: millis(w.to) ?? 1 };
    this.el.replaceChildren(this.head(w, rule), this.picture(w, rule, metric, span), this.list(w, metric), ...(w.left_out ? [h("p", { class: "dim" }, `${many(w.left_out, "more time")} are not listed.`)] : []));
    this.el.dataset["fired"] = String(w.fired);
  }

  private head(w: Whole, rule: Definition): HTMLElement {
    const long = duration(Math.round(((millis(w.to) ?? 0) - (millis(w.from) ?? 0)) / 1000)), before = w.saved ? ` As saved (${w.saved.sentence}) it would have fired ${times(w.saved.fired)}.` : "";
    const range = h("select", { class: "ctl", "aria-label": "How far back" }, ...RANGES.map(([value, label]) => h("option", { value, selected: value === String(this.days) }, `the last ${label}`)));
    range.addEventListener("change", () => { this.days = Number(range.value); if (this.last) void this.run(...this.last); });
    const togs = w.holds.map((x) => h("button", { type: "button", class: "tog", "aria-pressed": String(x.for === rule.for), click: () => this.hold(x.for) }, x.for ? duration(x.for) : "at once", h("b", { class: "num" }, `${x.fired}×`)));
    return h("div", { class: "bth" }, h("div", { "aria-live": "polite" }, h("h3", {}, ...(w.fired ? ["Would have fired ", h("b", { class: "num" }, times(w.fired))] : ["Would not have fired"]), ` in ${long}`), h("p", {}, `${w.fired ? `${duration(w.firing)} in all.` : ""}${before} ${many(w.minutes, "minute")} were recorded.`)),
      h("div", { class: "hold" }, h("span", { class: "lb dim" }, "Firings, if it must hold for"), h("div", { class: "chbar" }, h("div", { class: "togs", role: "group", "aria-label": "Times fired by how long it must hold" }, ...togs), range)));
  }

  private picture(w: Whole, rule: Definition, metric: Metric, span: Span): HTMLElement {
    const level = typeof rule.value === "number" ? rule.value : null, values: [number, number | null][] = w.curve.map(([t, v]) => [millis(t) ?? 0, v]), gaps: [number, number][] = w.gaps.map(([a, b]) => [millis(a) ?? 0, millis(b) ?? 0]);
    const known = values.map(([, v]) => v).filter((v): v is number => v !== null), top = Math.max(1e-9, ...known.map((v) => (metric.name === "loss_in" && level ? Math.min(v, level * 6) : v)), (level ?? 0) * 1.25) * 1.05;
    const x = (t: number): number => partOf(span, t) * WIDE, y = (v: number): number => TALL - (Math.min(v, top) / top) * TALL, band = (f: Fired, css: string): HTMLElement => this.place(h("span", { class: `band ${css}${f.resolved ? "" : " open"}`, title: `${clock(millis(f.fired) ?? 0)}, ${spanned(f, w)}` }), span, millis(f.fired) ?? 0, millis(f.resolved) ?? span.to);
    const svg = s("svg", { viewBox: `0 0 ${WIDE} ${TALL}`, preserveAspectRatio: "none", "aria-hidden": "true" });
    const below = rule.op === "below", at = level === null ? 0 : y(level);
    if (level !== null && known.length) svg.append(s("rect", { class: "zone", x: 0, y: below ? at : 0, width: WIDE, height: below ? TALL - at : at }));
    const [line, area] = paths(values, gaps, x, y, TALL);
    svg.append(s("path", { class: "a", d: area || "M0 0" }), s("path", { class: "l", d: line || "M0 0" }));
    if (level !== null && known.length) svg.append(s("path", { class: "thr", d: `M0 ${at}H${WIDE}` }));
    const long = span.to - span.from > 1.5 * 86_400_000, label = (css: string, text: string, top_?: number): HTMLElement => { const el = h("span", { class: css }, text); if (top_ !== undefined) el.style.top = `${top_}px`; return el; };
    const said_ = `${upper(metric.words)}: ${known.length ? `${below ? "least" : "most"} in each step` : "no curve; what held is drawn above"}`;
    const curve = metric.name === "verdict" ? "How many groups" : `${below ? "Least" : "Most"} ${metric.words}`, place = level === null ? 50 : Math.max(56, Math.min(106, 43 + at)), beside = [74, 60, 90].find((y_) => Math.abs(y_ - place) > 14 && y_ < 108) ?? 74;
    const left = h("div", { class: "bl" }, label("b1", "Would fire"), w.saved ? label("b2", "Fired, as saved") : null, ...(known.length ? [label("b4", shorter(metric, top), 43), ...(level === null ? [label("b3", curve, 74)] : [label("b5", shorter(metric, level), place), label("b3", curve, beside)]), label("b6", "0", 119)] : []));
    const plot = h("div", { class: "bp" }, h("div", { class: "bw" }, ...w.incidents.slice(0, MOST_BANDS).map((f) => band(f, "v-lose"))), h("div", { class: "bo" }, ...(w.saved?.incidents ?? []).slice(0, MOST_BANDS).map((f) => band(f, "v-unknown"))), h("div", { class: "bm" }, svg, known.length || metric.on === "change" ? null : h("p", { class: "nocurve" }, `Nothing that was recorded has a ${metric.words.replace(/s$/, "")} in this stretch.`)),
      ...w.incidents.slice(0, MOST_BANDS).map((f) => this.place(h("span", { class: "col v-lose" }), span, millis(f.fired) ?? 0, millis(f.resolved) ?? span.to)),
      ...gaps.map(([a, b]) => this.place(h("span", { class: "gap", title: `${day(a)} ${clock(a, false)} to ${clock(b, false)}: not recorded` }, (b - a) / (span.to - span.from) > 0.1 ? h("span", {}, "not recorded") : null), span, a, b)),
      ...ticks(span, 6).filter((t) => partOf(span, t) > 0.02 && partOf(span, t) < 0.97).map((t) => { const el = h("span", { class: "tk" }, long ? day(t).replace(/^\w+ /, "") : clock(t, false)); el.style.left = `${partOf(span, t) * 100}%`; return el; }));
    return h("div", { class: "bt", role: "img", "aria-label": `${said_}. ${w.incidents.slice(0, 5).map((f) => `would fire ${day(millis(f.fired) ?? 0)} ${clock(millis(f.fired) ?? 0, false)}`).join(", ") || "would not fire"}` }, left, plot);
  }

  private place(el: HTMLElement, span: Span, a: number, b: number): HTMLElement {
    const from = Math.max(0, partOf(span, a)), to = Math.min(1, partOf(span, b));
    el.style.left = `${from * 100}%`;
    el.style.width = `${Math.max(0, to - from) * 100}%`;
    return el;
  }

  private list(w: Whole, metric: Metric): HTMLElement {
    const shown = [...w.incidents].reverse().slice(0, MOST_LINES);
    return h("ol", { class: "spans", "aria-label": "When it would have fired, the newest first" }, ...shown.map((f, i) => h("li", {}, h("span", { class: "i-n num" }, String(w.incidents.length - i)), h("b", { class: "num" }, `${day(millis(f.fired) ?? 0).replace(/^\w+ (\d+ \w{3})\w*$/, "$1")}, ${clock(millis(f.fired) ?? 0, false)}`), h("span", { class: "num mut" }, spanned(f, w)), h("span", { class: "what ell" }, ...whatOf(f.subject)), h("span", { class: "mut num ell" }, worst(f, metric)), h("a", { class: "go", href: pageAt(f.subject, f.since) }, "See it"))),
      ...(w.incidents.length > shown.length ? [h("li", { class: "dim" }, `and ${w.incidents.length - shown.length} before`)] : []));
  }
}

const times = (n: number): string => (n === 1 ? "once" : n === 2 ? "twice" : `${n} times`);
const shorter = (m: Metric, v: number): string => (m.unit === "s" ? duration(v) : m.name === "rate_vs_week" ? `${Math.round(v * 100)} %` : `${short(Number(v.toPrecision(3)))}${m.unit.startsWith("/") ? m.unit : ""}`);

function spanned(f: Fired, w: Whole): string {
  const a = millis(f.fired) ?? 0, b = millis(f.resolved) ?? millis(w.to) ?? a;
  return `${duration((b - a) / 1000)}${f.resolved ? "" : ", open"}`;
}

function worst(f: Fired, metric: Metric): string {
  if (f.value !== null && metric.name !== "verdict" && !metric.flag) return `${metric.name === "loss_in" ? "least" : "worst"} ${valueWords(metric, f.value).replace(" of the same hour last week", "")}`;
  return f.what.replaceAll("_", " ");
}

/** An answer line by line, as it comes. */
async function* lines(answer: Response): AsyncGenerator<string> {
  const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    rest += value ?? "";
    const parts = rest.split("\n");
    rest = parts.pop() ?? "";
    yield* parts.filter(Boolean);
    if (done) { if (rest) yield rest; return; }
  }
}
