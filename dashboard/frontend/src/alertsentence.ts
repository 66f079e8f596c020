// A rule as a sentence of menus: each word that may be another is a button.
import { labelled, typed } from "./alertparts.ts";
import { button, h, icon } from "./dom.ts";
import { duration } from "./format.ts";
import { closeMenu, openBox, openMenu } from "./menu.ts";

export interface Metric { name: string; on: string; ops: string[]; unit: string; words: string; flag: boolean }
export interface Definition { on?: string; metric: string; op: string; value: number | string[] | null; scope: Record<string, string[]>; for: number; keep: number; severity: string; channels: string[] }
export interface Known { metrics: Metric[]; verdicts: string[]; severities: string[]; scope: string[]; channels: string[] }

const WAITS = [0, 60, 120, 300, 600, 900, 1800, 3600, 21_600];
const UNITS: Record<string, [number, string][]> = { s: [[1, "seconds"], [60, "minutes"], [3600, "hours"], [86_400, "days"]] };
const KINDS = ["service", "topic", "group", "connector", "query", "system"];

export const emptyRule = (): Definition => ({ metric: "time_lag", op: "above", value: 300, scope: {}, for: 300, keep: 300, severity: "warning", channels: [] });

/** A number as this metric is read: 6 h, 1,200 records, 50 %. */
export function valueWords(metric: Metric, value: number): string {
  if (metric.unit === "s") return duration(value);
  if (metric.name === "rate_vs_week") return `${Math.round(value * 100)} % of the same hour last week`;
  const shown = new Intl.NumberFormat("en-GB", { maximumFractionDigits: 2 }).format(value);
  return metric.unit.startsWith("/") ? shown + metric.unit : `${shown} ${metric.unit}`.trim();
}

/** A sensible beginning of what another metric asks. */
function begun(metric: Metric): Pick<Definition, "op" | "value"> {
  if (metric.name === "verdict") return { op: "is", value: ["stopped", "stalled"] };
  if (metric.on === "change") return { op: "is", value: [] };
  const values: Record<string, number> = { loss_in: 21_600, time_lag: 300, rate_vs_week: 0.5, lag: 10_000, unread: 10_000, members: 1, writers: 1 };
  const op = metric.ops.includes("below") && ["loss_in", "rate_vs_week", "members"].includes(metric.name) ? "below" : metric.ops[0]!;
  return { op, value: metric.flag ? 0 : values[metric.name] ?? 0 };
}

export class Sentence {
  readonly el = h("p", { class: "sent" });
  rule: Definition;

  constructor(private known: Known, rule: Definition, private saved: Definition | null, private changed: () => void) {
    this.rule = { ...emptyRule(), ...structuredClone(rule) };
    this.draw();
  }

  private metric(): Metric { return this.known.metrics.find((m) => m.name === this.rule.metric) ?? this.known.metrics[0]!; }

  private set(change: Partial<Definition>): void {
    this.rule = { ...this.rule, ...change };
    delete this.rule.on;
    this.draw();
    this.changed();
  }

  private token(name: keyof Definition, words: string, title: string, open: (anchor: HTMLElement) => void): HTMLElement {
    const other = this.saved !== null && JSON.stringify(this.saved[name]) !== JSON.stringify(this.rule[name]);
    return button(words, () => undefined, { class: other ? "tok chd" : "tok", "data-token": name, "aria-haspopup": "true", "aria-label": `${title}: ${words}`, click: (event: Event) => open(event.currentTarget as HTMLElement) }, words, icon("down"));
  }

  private draw(): void {
    const held = this.el.contains(document.activeElement) ? (document.activeElement as HTMLElement).dataset["token"] : null;
    const m = this.metric(), parts: (Node | string)[] = [word("When")];
    parts.push(this.token("metric", m.on === "change" || m.flag ? m.words : m.words, "What is looked at", (a) => this.pickMetric(a)));
    if (m.on !== "change") parts.push(word(`of a ${m.on} in`)); else parts.push(word("in"));
    parts.push(this.token("scope", this.scopeWords(), "Where", (a) => this.pickScope(a)));
    if (!(m.flag && this.rule.value === 0)) parts.push(word(m.on === "change" ? "of" : "is"), this.token("value", this.asked(m), "Which value", (a) => this.pickValue(a, m)));
    parts.push(word("for"), this.token("for", this.rule.for ? duration(this.rule.for) : "a moment", "For how long", (a) => this.pickTime(a, "for", "For how long, before it fires")));
    parts.push(word("say"), this.token("severity", this.rule.severity, "How grave", (a) => this.pickSeverity(a)));
    parts.push(word("to"), this.token("channels", this.rule.channels.join(", ") || "the owner, else everybody's channels", "Who is told", (a) => this.pickChannels(a)), word("grouped by root cause,"));
    parts.push(word("until it is clear for"), this.token("keep", this.rule.keep ? duration(this.rule.keep) : "a minute", "Clear for how long", (a) => this.pickTime(a, "keep", "Clear for how long, before it is resolved")));
    this.el.replaceChildren(...parts);
    if (held) this.el.querySelector<HTMLElement>(`[data-token="${held}"]`)?.focus();
  }

  private asked(m: Metric): string {
    const { value, op } = this.rule;
    if (Array.isArray(value)) return value.map((v) => v.replaceAll("_", " ")).join(" or ") || (m.on === "change" ? "anything" : "none");
    return `${op} ${valueWords(m, Number(value ?? 0))}`;
  }

  private scopeWords(): string {
    const all = Object.entries(this.rule.scope).filter(([, globs]) => globs.length);
    return all.map(([name, globs]) => `${name} ${globs.join(", ")}`).join(" and ") || "everything";
  }

  private pickMetric(anchor: HTMLElement): void {
    openMenu(anchor, "What is looked at", this.known.metrics.map((m) => ({ label: m.words, note: m.on === "change" ? "in the graph" : m.on, current: m.name === this.rule.metric, run: () => this.set({ metric: m.name, ...begun(m) }) })));
  }

  private pickTime(anchor: HTMLElement, name: "for" | "keep", title: string): void {
    openMenu(anchor, title, WAITS.map((s) => ({ label: s ? duration(s) : name === "for" ? "at once" : "the first clear minute", current: this.rule[name] === s, run: () => this.set({ [name]: s }) })));
  }

  private pickSeverity(anchor: HTMLElement): void {
    openMenu(anchor, "How grave", [...this.known.severities].reverse().map((s) => ({ label: s, current: s === this.rule.severity, run: () => this.set({ severity: s }) })));
  }

  private pickChannels(anchor: HTMLElement): void {
    if (!this.known.channels.length) { openBox(anchor, "Who is told", [h("p", { class: "mut" }, "There is no channel yet; an administrator makes one under Channels. Until then an alert is only shown here.")]); return; }
    this.box(anchor, "Who is told; none: whose it is", this.known.channels.map((c) => labelled({ name: c, label: c, type: "checkbox", value: this.rule.channels.includes(c) ? "1" : "" })), (v) => this.set({ channels: this.known.channels.filter((c) => v[c]) }));
  }

  private pickScope(anchor: HTMLElement): void {
    const fields = this.known.scope.map((name) => labelled({ name, label: name[0]!.toUpperCase() + name.slice(1), value: (this.rule.scope[name] ?? []).join(", "), note: name === "topic" ? "names or globs, with commas: payments.*, orders" : "" }));
    this.box(anchor, "Where; empty is everywhere", fields, (v) => this.set({ scope: Object.fromEntries(this.known.scope.map((n) => [n, globs(v[n])]).filter(([, g]) => g!.length)) as Record<string, string[]> }));
  }

  private pickValue(anchor: HTMLElement, m: Metric): void {
    const chosen = Array.isArray(this.rule.value) ? this.rule.value : [], words = m.name === "verdict" ? this.known.verdicts : m.on === "change" ? KINDS : null;
    if (words) {
      this.box(anchor, m.on === "change" ? "Of which kind; none: of any" : "Which verdicts", words.map((w) => labelled({ name: w, label: w.replaceAll("_", " "), type: "checkbox", value: chosen.includes(w) ? "1" : "" })), (v) => this.set({ value: words.filter((w) => v[w]) }));
      return;
    }
    const units = UNITS[m.unit] ?? [[m.name === "rate_vs_week" ? 0.01 : 1, m.name === "rate_vs_week" ? "% of the same hour last week" : m.unit || "count"]] as [number, string][];
    const value = Number(this.rule.value ?? 0), unit = [...units].reverse().find(([size]) => value >= size && value % size === 0) ?? units[0]!;
    const fields = [labelled({ name: "op", label: "Is", options: m.ops.map((o) => [o, o]), value: this.rule.op }), labelled({ name: "n", label: "Than", type: "number", value: String(Number((value / unit[0]).toFixed(4))) }), labelled({ name: "unit", label: "In", options: units.map(([size, label]) => [String(size), label]), value: String(unit[0]) })];
    fields[1]!.querySelector("input")?.setAttribute("min", "0");
    fields[1]!.querySelector("input")?.setAttribute("step", "any");
    this.box(anchor, `${m.words}`, fields, (v) => this.set({ op: v["op"] ?? m.ops[0]!, value: Math.max(0, Number(v["n"] || 0) * Number(v["unit"] ?? 1)) }));
  }

  private box(anchor: HTMLElement, title: string, fields: HTMLElement[], done: (values: Record<string, string>) => void): void {
    const form = h("form", {}, ...fields, h("div", { class: "btns end" }, h("button", { type: "submit", class: "ctl primary" }, "Set")));
    form.addEventListener("submit", (event) => { event.preventDefault(); const values = typed(form); closeMenu(true); done(values); });
    openBox(anchor, title, [form]);
  }
}

const word = (text: string): HTMLElement => h("span", {}, text);
const globs = (text: string | undefined): string[] => (text ?? "").split(",").map((g) => g.trim()).filter(Boolean);
