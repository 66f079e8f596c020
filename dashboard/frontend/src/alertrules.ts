// The rules: what is looked for, how often it fired; one opens as a sentence with its back-test under it.
import { Backtest } from "./alertbacktest.ts";
import { lookOf, read, said, SEVERITY_ORDER, tried, write, type Attempt } from "./alertparts.ts";
import { emptyRule, Sentence, type Definition, type Known, type Metric } from "./alertsentence.ts";
import type { Tab } from "./alerts.ts";
import type { Context } from "./context.ts";
import { button, debounce, h, icon } from "./dom.ts";
import { many } from "./format.ts";
import { openMenu } from "./menu.ts";

interface Rule { id: string; name: string; definition: Definition; sentence: string; problem: string; enabled: boolean; built_in: string; version: number; created_by: string; changed_at: string; firing: number; fired_30d: number }
interface Answer { items: Rule[]; metrics: Metric[]; verdicts: string[]; severities: string[]; scope: string[] }
export const NEW = "new";
const AGAIN = 15_000;

export class Rules implements Tab {
  readonly el = h("div", { class: "two" });
  private editing = h("div");
  private list = h("ul", { class: "rulelist" });
  private rules: Rule[] = [];
  private known: Known | null = null;
  private shown: string | null = null;
  private loaded = 0;

  constructor(private ctx: Context, private note: (text: string, bad?: boolean) => void, private counted: (n: number) => void) {}

  open(): void { void this.load(); }

  /** Others change rules too; who stands in the list is not disturbed. */
  update(): void { if (performance.now() - this.loaded > AGAIN && !this.list.contains(document.activeElement)) void this.load(); }

  async load(): Promise<void> {
    this.loaded = performance.now();
    try {
      const [answer, channels] = await Promise.all([read<Answer>("/rules"), read<{ items: { name: string }[] }>("/channels")]);
      this.rules = answer.items.sort((a, b) => Number(b.enabled) - Number(a.enabled) || SEVERITY_ORDER.indexOf(a.definition.severity) - SEVERITY_ORDER.indexOf(b.definition.severity) || a.name.localeCompare(b.name));
      this.known = { ...answer, channels: channels.items.map((c) => c.name) };
    } catch (error) { this.note(said(error), true); return; }
    this.counted(this.rules.length);
    this.draw();
  }

  /** The rule of the address, or none. */
  draw(): void {
    if (!this.known) return;
    const asked = this.ctx.params["rule"] ?? null, chosen = this.rules.find((r) => r.built_in && r.built_in === asked)?.id ?? asked;
    this.list.replaceChildren(...this.rules.map((r) => this.line(r, r.id === chosen)));
    const sheet = h("section", { class: "sheet", "aria-label": "Rules" }, this.rules.length ? this.list : h("p", { class: "calmnote" }, "There is no rule. Make one: it is tried on what was recorded before it is saved."));
    if (chosen !== this.shown) { this.editing.replaceChildren(); if (chosen) this.edit(chosen); }
    this.shown = chosen;
    this.el.className = chosen ? "two" : "";
    this.el.replaceChildren(...(chosen ? [this.editing, sheet] : [sheet]));
  }

  choose(id: string | null): void {
    this.ctx.setParams({ tab: "rules", rule: id });
    this.draw();
    this.editing.querySelector<HTMLElement>(".nmin")?.focus({ preventScroll: true });
    if (id) this.editing.scrollIntoView({ block: "nearest" });
  }

  private line(r: Rule, current: boolean): HTMLElement {
    const look = lookOf({ verdict: "", severity: r.definition.severity }), fired = r.firing ? `${r.firing} firing` : r.fired_30d ? `fired ${r.fired_30d}× in 30 days` : "did not fire in 30 days";
    const onoff = h("button", { type: "button", class: "switch", role: "switch", "aria-checked": String(r.enabled), "aria-label": `${r.name} is on`, title: r.enabled ? "On" : "Off", disabled: !this.ctx.may("alerts"), click: () => void this.turn(r) });
    return h("li", { class: `${current ? "cur" : ""}${r.enabled ? "" : " off"}`, "data-rule": r.id }, h("span", { class: "nm" }, h("button", { type: "button", "aria-current": current ? "true" : null, click: () => this.choose(r.id) }, r.name)), h("p", {}, r.problem ? `cannot be read: ${r.problem}` : r.sentence),
      h("span", { class: "meta" }, h("span", { class: `sev ${look.css}` }, icon(look.icon), r.definition.severity), h("span", { class: "num" }, r.enabled ? fired : "off"), onoff));
  }

  private async turn(r: Rule): Promise<void> {
    try {
      await write(this.ctx, "PUT", `/rules/${r.id}`, { name: r.name, definition: r.definition, enabled: !r.enabled });
      this.note(r.enabled ? `${r.name} is off: nothing of it fires.` : `${r.name} is on.`);
      await this.load();
    } catch (error) { this.note(said(error), true); }
  }

  private edit(id: string): void {
    const rule = this.rules.find((r) => r.id === id) ?? null;
    if (!this.known) return;
    if (!rule && id !== NEW) { this.editing.replaceChildren(h("section", { class: "sheet pad" }, h("p", { class: "dim" }, "There is no such rule any more."))); return; }
    this.editing.replaceChildren(new Editor(this.ctx, this.known, rule, { done: (saved, text) => void this.saved(saved, text), note: this.note }).el);
  }

  private async saved(id: string | null, text: string): Promise<void> {
    this.note(text);
    this.ctx.setParams({ rule: id });
    this.shown = null;
    await this.load();
  }
}

class Editor {
  readonly el = h("section", { class: "sheet pad rule", "aria-label": "Rule" });
  private name: HTMLInputElement;
  private changed = h("span", { class: "chg", hidden: true }, "changed, not saved");
  private save: HTMLButtonElement;
  private wrong = h("p", { class: "wrong", role: "alert" });
  private sentence: Sentence;
  private backtest: Backtest;
  private later = debounce(350, () => this.ask());

  constructor(private ctx: Context, private known: Known, private rule: Rule | null, private events: { done: (id: string | null, text: string) => void; note: (text: string, bad?: boolean) => void }) {
    this.name = h("input", { class: "nmin", "aria-label": "Name of the rule", value: rule?.name ?? "", placeholder: "Name of the rule", maxlength: 120 });
    this.name.addEventListener("input", () => this.mark());
    this.save = button("Save rule", () => void this.keep(), { class: "ctl primary" });
    this.backtest = new Backtest(ctx, (seconds) => this.hold(seconds));
    this.sentence = this.made(rule?.definition ?? emptyRule());
    const mine = ctx.may("alerts"), more = rule && mine ? button("More", () => undefined, { class: "ctl bare icon", "aria-label": "More of this rule", "aria-haspopup": "menu", click: (event: Event) => openMenu(event.currentTarget as HTMLElement, rule.name, [{ label: "Delete the rule", icon: "close", run: () => void this.drop() }]) }, icon("dots")) : null;
    const trial = mine ? button("Test on a channel", () => undefined, { class: "ctl", "aria-haspopup": "menu", click: (event: Event) => this.offer(event.currentTarget as HTMLElement) }) : null;
    this.el.append(h("header", { class: "sh" }, this.name, this.changed, h("span", { class: "push" }), button("Discard", () => events.done(null, ""), { class: "ctl bare" }), trial, mine ? this.save : null, ...(more ? [more] : [])), this.sentence.el, this.wrong,
      ...(rule ? [h("p", { class: "dim" }, `${rule.built_in ? "Came with Playhead" : `By ${rule.created_by}`}, version ${rule.version}. What fires now ends when the rule is changed.`)] : []), this.backtest.el);
    this.mark();
    this.ask();
  }

  private made(definition: Definition): Sentence { return new Sentence(this.known, definition, this.rule?.definition ?? null, () => { this.mark(); this.later(); }); }

  private hold(seconds: number): void {
    const next = this.made({ ...this.sentence.rule, for: seconds });
    this.sentence.el.replaceWith(next.el);
    this.sentence = next;
    this.mark();
    this.later();
  }

  private isChanged(): boolean {
    const clean = ({ on: _, ...rest }: Definition): string => JSON.stringify(Object.entries(rest).sort());
    return !this.rule || this.name.value.trim() !== this.rule.name || clean(this.sentence.rule) !== clean(this.rule.definition);
  }

  private mark(): void {
    const other = this.isChanged();
    this.changed.hidden = !other || !this.rule;
    this.save.disabled = !other || !this.name.value.trim();
    this.save.title = this.name.value.trim() ? "" : "Give it a name first";
  }

  private ask(): void {
    const rule = this.sentence.rule, metric = this.known.metrics.find((m) => m.name === rule.metric);
    this.wrong.textContent = "";
    if (metric) void this.backtest.run(rule, metric, this.rule && this.isChanged() ? this.rule.id : "");
  }

  private async keep(): Promise<void> {
    this.save.disabled = true;
    this.wrong.textContent = "";
    const body = { name: this.name.value.trim(), definition: this.sentence.rule, enabled: this.rule?.enabled ?? true };
    try {
      const saved = await write<Rule>(this.ctx, this.rule ? "PUT" : "POST", this.rule ? `/rules/${this.rule.id}` : "/rules", body);
      this.events.done(saved.id, `${saved.name} is saved; the next whole minute is looked at by it.`);
    } catch (error) { this.wrong.textContent = said(error); this.mark(); }
  }

  /** The channels that a trial can be sent to. */
  private offer(anchor: HTMLElement): void {
    if (!this.known.channels.length) { this.events.note("There is no channel yet; an administrator makes one under Channels.", true); return; }
    openMenu(anchor, "Send a trial of this rule to", this.known.channels.map((name) => ({ label: name, icon: "send", run: () => void this.try(name) })));
  }

  private async try(channel: string): Promise<void> {
    this.events.note(`A trial is on its way to ${channel}.`);
    try {
      const [text, bad] = tried(channel, "trial", await write<Attempt>(this.ctx, "POST", "/rules/trial", { name: this.name.value.trim(), definition: this.sentence.rule, channel }));
      this.events.note(text, bad);
    } catch (error) { this.events.note(said(error), true); }
  }

  private async drop(): Promise<void> {
    try { await write(this.ctx, "DELETE", `/rules/${this.rule!.id}`); this.events.done(null, `${this.rule!.name} is deleted; ${this.rule!.firing ? `${many(this.rule!.firing, "alert")} of it end` : "nothing of it fired"}.`); } catch (error) { this.wrong.textContent = said(error); }
  }
}
