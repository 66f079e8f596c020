// What fired in a stretch of time that ends where the playhead stands.
import { lasted, lookOf, pageAt, read, said, whatOf, when, type AlertRow } from "./alertparts.ts";
import type { Tab } from "./alerts.ts";
import type { Context } from "./context.ts";
import { h, icon, setText } from "./dom.ts";
import { many, millis } from "./format.ts";
import { Grid } from "./grid.ts";
import { emptyNote, teamTag } from "./parts.ts";
import type { State } from "./types.ts";

const RANGES: [string, string][] = [["1", "Last day"], ["7", "Last week"], ["30", "Last month"], ["90", "Last three months"]];
const DAY = 86_400_000, AGAIN = 30_000;

export class History implements Tab {
  readonly el = h("div");
  private count = h("p", { class: "dim num" });
  private grid: Grid<AlertRow>;
  private sheet: HTMLElement;
  private empty: HTMLElement | null = null;
  private days = 7;
  private asked: AbortController | null = null;
  private loaded = 0;

  constructor(private ctx: Context, root: HTMLElement) {
    this.grid = new Grid<AlertRow>({
      label: "Alerts that fired, newest first", key: (r) => r.id, sort: { id: "at", down: true }, scroller: root, rowClass: (r) => lookOf(r).css,
      columns: [
        { id: "at", head: "Fired", width: "128px", cell: (r) => h("a", { class: "two-lines num", href: pageAt(r.subject, r.fired_at), title: "See it" }, h("span", { class: "nm" }, when(r.fired_at, ctx.now())), h("span", { class: "why" }, r.resolved_at ? lasted(r.fired_at, r.resolved_at, ctx.now()) : "fires still")), by: (r) => millis(r.fired_at) },
        { id: "look", head: "", width: "34px", cell: (r) => h("span", { class: `verdict ${lookOf(r).css}`, title: `${lookOf(r).word}, ${r.severity}` }, icon(lookOf(r).icon), h("span", { class: "sr" }, `${lookOf(r).word}, ${r.severity}`)) },
        { id: "what", head: "What, and why", width: "minmax(0, 1fr)", cell: (r) => h("div", { class: "two-lines" }, h("span", { class: "what ell" }, h("b", { class: "ell", title: r.summary }, r.summary || r.subject)), h("span", { class: "why ell", title: r.reason }, r.reason || r.rule_name)), by: (r) => r.summary },
        { id: "subject", head: "Subject", width: "minmax(0, .6fr)", wide: true, cell: (r) => h("span", { class: "what ell" }, ...whatOf(r.subject)), by: (r) => r.subject },
        { id: "rule", head: "Rule", width: "150px", wide: true, cell: (r) => h("span", { class: "ell mut", title: r.rule_name }, r.rule_name), by: (r) => r.rule_name },
        { id: "team", head: "Owner", width: "116px", wide: true, cell: (r) => teamTag(r.team, true), by: (r) => r.team },
        { id: "told", head: "Told", width: "130px", wide: true, cell: (r) => h("span", { class: "ell mut" }, r.cause ? "with its cause" : r.told.map((t) => t.channel).join(", ") || (r.silenced ? "silenced" : "nobody")) },
      ],
    });
    const range = h("select", { class: "ctl", "aria-label": "How far back" }, ...RANGES.map(([value, label]) => h("option", { value, selected: value === String(this.days) }, label)));
    range.addEventListener("change", () => { this.days = Number(range.value); void this.load(); });
    this.sheet = h("div", { class: "sheet histgrid" }, this.grid.el);
    this.el.append(h("div", { class: "sh chbar" }, range, this.count), this.sheet);
  }

  open(): void { void this.load(); }
  placed(): void { void this.load(); }
  update(_state: State): void { if (this.ctx.live() && this.ctx.now() - this.loaded > AGAIN) void this.load(); }

  private async load(): Promise<void> {
    this.loaded = this.ctx.now();
    this.asked?.abort();
    const asked = (this.asked = new AbortController()), at = this.ctx.live() ? "live" : this.ctx.state()?.at ?? "live";
    const query = new URLSearchParams({ from: new Date(this.ctx.now() - this.days * DAY).toISOString(), to: at, at, limit: "2000" });
    try { this.draw((await read<{ items: AlertRow[] }>(`?${query}`, asked.signal)).items); } catch (error) { if (!asked.signal.aborted) setText(this.count, said(error)); }
  }

  private draw(rows: AlertRow[]): void {
    this.grid.set(rows);
    setText(this.count, `${many(rows.length, "alert")} ${rows.some((r) => r.cause) ? `of ${many(rows.filter((r) => !r.cause).length, "cause")}` : "fired"}`);
    this.empty?.remove();
    this.empty = rows.length ? null : emptyNote("alerts", "Nothing fired", "In this stretch of time no rule held for as long as it asks. A longer one may hold something.");
    this.sheet.hidden = !rows.length;
    if (this.empty) this.el.append(this.empty);
  }
}
