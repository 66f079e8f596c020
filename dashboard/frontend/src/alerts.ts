// What fires, what fired, the rules, and who is told: four tabs, of which the first two stand where the playhead stands.
import type { Channels } from "./alertchannels.ts";
import { Causes } from "./alertcauses.ts";
import { lasted, lookOf, read, said, whatOf, when, write, type AlertRow } from "./alertparts.ts";
import type { Rules } from "./alertrules.ts";
import { matcherOf, Silences } from "./alertsilences.ts";
import type { Context, View } from "./context.ts";
import { button, h, icon, setText } from "./dom.ts";
import { cannotNotify, setNotes, wishesNotes } from "./firing.ts";
import { many } from "./format.ts";
import { teamTag } from "./parts.ts";
import type { State } from "./types.ts";

export interface Tab { el: HTMLElement; open: () => void; update?: (state: State) => void; tick?: () => void; placed?: () => void }
type Name = "now" | "history" | "rules" | "channels";
const TABS: [Name, string][] = [["now", "Now"], ["history", "History"], ["rules", "Rules"], ["channels", "Channels"]];
const AGAIN = 30_000;

/** What fires, what is about to, what is over since yesterday, and what is held back. */
class Now implements Tab {
  readonly el = h("div");
  private causes: Causes;
  private silences: Silences;
  private pending = h("ul", { class: "pend" });
  private lately = h("ul", { class: "lately" });
  private rows: AlertRow[] = [];
  private loaded = 0;
  private standing = "";
  private followed = false;

  constructor(private ctx: Context, private note: (text: string, bad?: boolean) => void) {
    this.silences = new Silences(ctx, note);
    this.causes = new Causes(ctx, { silence: (row) => this.silences.make(matcherOf(row)), acknowledge: (row, seen) => void this.acknowledge(row, seen) });
    const block = (title: string, list: HTMLElement): HTMLElement => h("section", { class: "sheet pad", "aria-label": title }, h("header", { class: "sh" }, h("h2", {}, title)), list);
    this.el.append(this.causes.el, h("div", { class: "two" }, h("div", { class: "stack" }, block("About to fire", this.pending), block("Over since yesterday", this.lately)), h("div", { class: "stack" }, this.silences.el)));
  }

  open(): void { void this.silences.load(); void this.recent(); }

  update(state: State): void {
    this.rows = Object.values(state.tables["alerts"] ?? {}) as unknown as AlertRow[];
    this.causes.update(this.rows);
    this.drawPending();
    void this.linked();
    const standing = this.rows.map((r) => r.id + r.state).join(), late = this.ctx.live() && this.ctx.now() - this.loaded > AGAIN;
    if (standing !== this.standing || late) this.open();
    this.standing = standing;
  }

  tick(): void { this.causes.tick(); this.silences.draw(); }
  placed(): void { this.standing = ""; }

  /** Where a link led to: an alert is brought into sight, or said to be over; a silence of one is asked for. */
  private async linked(): Promise<void> {
    const { alert, silence } = this.ctx.params;
    if (this.followed) return;
    this.followed = true;
    const mute = this.ctx.may("alerts") && this.rows.find((r) => r.id === silence);
    if (silence) this.ctx.setParams({ silence: null });
    if (mute) this.silences.make(matcherOf(mute));
    if (!alert) return;
    const found = this.causes.el.querySelector(`[data-alert="${CSS.escape(alert)}"]`);
    if (found) { found.scrollIntoView({ block: "nearest" }); return; }
    if (this.rows.some((r) => r.id === alert)) return;
    try {
      const row = await read<AlertRow>(`/${encodeURIComponent(alert)}`);
      this.note(row.fired_at && row.resolved_at ? `That is over: ${row.summary || row.subject}, from ${when(row.fired_at, this.ctx.now())} for ${lasted(row.fired_at, row.resolved_at, this.ctx.now())}.` : "That alert does not stand at this moment.");
    } catch (error) { this.note(said(error), true); }
  }

  private drawPending(): void {
    const now = this.ctx.now(), rows = this.rows.filter((r) => r.state === "pending");
    if (!rows.length) { this.pending.replaceChildren(h("li", { class: "dim" }, "")); this.pending.firstElementChild!.replaceWith(h("p", { class: "dim" }, "Nothing. What has begun, but not for as long as its rule asks, stands here.")); return; }
    this.pending.replaceChildren(...rows.slice(0, 50).map((r) => h("li", { class: lookOf(r).css }, icon(lookOf(r).icon), h("span", { class: "what ell", title: r.reason }, ...whatOf(r.subject), h("span", { class: "mut" }, r.rule_name)), teamTag(r.team, true), h("span", { class: "num" }, r.fires_at ? `fires at ${when(r.fires_at, now)}` : `since ${when(r.pending_at, now)}`))));
  }

  private async recent(): Promise<void> {
    this.loaded = this.ctx.now();
    const to = this.ctx.live() ? "live" : this.ctx.state()?.at ?? "live", at = this.ctx.state()?.at ?? "live", from = new Date(this.ctx.now() - 86_400_000).toISOString();
    try {
      const items = (await read<{ items: AlertRow[] }>(`?state=resolved&limit=20&${new URLSearchParams({ from, to, at: this.ctx.live() ? "live" : at })}`)).items, now = this.ctx.now();
      this.lately.replaceChildren(...(items.length ? items.slice(0, 8).map((r) => h("li", { class: lookOf(r).css }, icon(lookOf(r).icon), h("span", { class: "what ell", title: r.reason }, ...whatOf(r.subject), h("span", { class: "mut" }, r.rule_name)), teamTag(r.team, true), h("span", { class: "num" }, `${when(r.fired_at, now)}, for ${lasted(r.fired_at, r.resolved_at, now)}`))) : [h("p", { class: "dim" }, "Nothing fired in the day before this moment that is over.")]));
    } catch (error) { this.lately.replaceChildren(h("p", { class: "dim" }, said(error))); }
  }

  private async acknowledge(row: AlertRow, seen: boolean): Promise<void> {
    try {
      const told = await write<AlertRow>(this.ctx, seen ? "POST" : "DELETE", `/${row.id}/acknowledge`), { acknowledged_at, acknowledged_by, taken_back_at, taken_back_by } = told;
      this.rows = this.rows.map((r) => (r.id === row.id ? { ...r, acknowledged_at, acknowledged_by, taken_back_at, taken_back_by } : r));
      this.causes.update(this.rows);
      this.note(seen ? "Acknowledged: nobody else is called." : "Taken back: others are called when its time is up.");
    } catch (error) { this.note(said(error), true); }
  }
}

class AlertsView implements View {
  private said = h("p", { class: "num" });
  private seg = h("div", { class: "seg", role: "group", "aria-label": "Show" });
  private act = h("span");
  private noted = h("p", { class: "alnote", role: "status" });
  private body = h("div");
  private tabs = new Map<Name, Tab>();
  private counts: Record<string, number> = {};
  private shown: Name | null = null;
  private rules: Rules | null = null;
  private channels: Channels | null = null;

  constructor(private root: HTMLElement, private ctx: Context) {
    root.className = "page alerts";
    root.append(h("div", { class: "title" }, h("h1", {}, "Alerts"), this.said, h("span", { class: "push" }), this.notify(), this.seg, this.act), this.noted, this.body);
    void this.countAll();
  }

  /** The switch of desktop notifications; where they are not possible it says why. */
  private notify(): HTMLElement {
    const why = cannotNotify(), el = h("button", { type: "button", class: "ctl notify", role: "switch", "aria-checked": String(wishesNotes()), "aria-disabled": why ? "true" : null, title: why || "A note on this desktop when a cause begins to fire, while a page of Playhead is open" }, icon("alerts", "i s"), h("span", {}, "Notify me"), h("i", { class: "switch", "aria-hidden": "true" }));
    el.addEventListener("click", () => {
      if (cannotNotify()) { this.note(cannotNotify()); return; }
      void setNotes(!wishesNotes()).then((on) => {
        el.setAttribute("aria-checked", String(on));
        this.note(on ? "This desktop is told when a cause begins to fire, while a page of Playhead is open." : cannotNotify() || "This desktop is not told.");
      });
    });
    return el;
  }

  private tabName(): Name {
    const { tab, rule } = this.ctx.params;
    return TABS.find(([name]) => name === tab)?.[0] ?? (rule ? "rules" : "now");
  }

  update(state: State): void {
    const counts = (state.meta["counts"] ?? {}) as Record<string, number>, causes = counts["causes"] ?? 0, more = (counts["firing"] ?? 0) - causes;
    this.counts["now"] = causes;
    setText(this.said, `${causes ? `${many(causes, "cause")} firing` : "Nothing fires"}${more ? ` explain${causes === 1 ? "s" : ""} ${many(more, "more alert")}` : ""}${counts["silenced"] ? `; ${counts["silenced"]} silenced` : ""}${counts["pending"] ? `; ${counts["pending"]} about to` : ""}`);
    this.drawTabs();
    void this.show(state);
    this.root.dataset["rows"] = String(Object.keys(state.tables["alerts"] ?? {}).length);
  }

  tick(): void { if (this.shown) this.tabs.get(this.shown)?.tick?.(); }
  placed(): void { if (this.shown) this.tabs.get(this.shown)?.placed?.(); }

  private async show(state: State): Promise<void> {
    const name = this.tabName(), fresh = this.shown !== name;
    this.shown = name;
    let tab = this.tabs.get(name);
    if (!tab) { tab = await this.make(name); this.tabs.set(name, tab); }
    if (this.shown !== name) return;
    if (fresh) { this.body.replaceChildren(tab.el); this.drawAct(name); tab.open(); }
    tab.update?.(state);
    this.root.dataset["tab"] = name;
  }

  private async make(name: Name): Promise<Tab> {
    const note = (text: string, bad = false): void => this.note(text, bad);
    if (name === "now") return new Now(this.ctx, note);
    const count = (n: number): void => { this.counts[name] = n; this.drawTabs(); };
    if (name === "history") return new (await import("./alerthistory.ts")).History(this.ctx, this.root);
    if (name === "channels") return (this.channels = new (await import("./alertchannels.ts")).Channels(this.ctx, note, count));
    return (this.rules = new (await import("./alertrules.ts")).Rules(this.ctx, note, count));
  }

  private drawTabs(): void {
    const now = this.tabName(), held = this.seg.contains(document.activeElement) ? (document.activeElement as HTMLElement).dataset["tab"] : null;
    this.seg.replaceChildren(...TABS.map(([name, label]) => h("button", { type: "button", "aria-pressed": String(name === now), "data-tab": name, click: () => this.go(name) }, label, this.counts[name] === undefined ? null : h("b", { class: "num" }, String(this.counts[name])))));
    if (held) this.seg.querySelector<HTMLElement>(`[data-tab="${held}"]`)?.focus();
  }

  private go(name: Name): void {
    this.ctx.setParams({ tab: name === "now" ? null : name, rule: null });
    this.note("");
    this.drawTabs();
    const state = this.ctx.state();
    if (state) void this.show(state);
  }

  private newRule(): void {
    const there = this.shown === "rules" && this.rules;
    this.ctx.setParams({ tab: "rules", rule: "new" });
    if (there) return there.choose("new");
    this.drawTabs();
    const state = this.ctx.state();
    if (state) void this.show(state);
  }

  private drawAct(name: Name): void {
    const needs = name === "channels" ? "channels" : "alerts";
    if (!this.ctx.may(needs)) return this.act.replaceChildren(h("a", { class: "mut", href: `/login?next=${encodeURIComponent(location.pathname + location.search)}` }, name === "channels" ? "Log in as an administrator to change channels" : "Log in to acknowledge, silence and make rules"));
    this.act.replaceChildren(name === "channels" ? button("New channel", () => void this.channels?.edit(), { class: "ctl primary", "aria-haspopup": "dialog" }, icon("plus", "i s"), "New channel") : button("New rule", () => this.newRule(), { class: "ctl primary" }, icon("plus", "i s"), "New rule"));
  }

  private async countAll(): Promise<void> {
    for (const name of ["rules", "channels"]) try { this.counts[name] = (await read<{ items: unknown[] }>(`/${name}`)).items.length; } catch { /* the tab says why when it is opened */ }
    this.drawTabs();
  }

  private note(text: string, bad = false): void {
    setText(this.noted, text);
    this.noted.classList.toggle("bad", bad);
  }
}

export function makeAlerts(root: HTMLElement, ctx: Context): View { return new AlertsView(root, ctx); }
