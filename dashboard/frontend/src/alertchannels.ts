// The ways out: each with how it does, what went out by it and every attempt; an administrator makes, changes and tests them.
import { openForm, read, said, tried, upper, when, write, type Attempt, type Field } from "./alertparts.ts";
import type { Tab } from "./alerts.ts";
import type { Context } from "./context.ts";
import { button, h, icon } from "./dom.ts";
import { clock, count, duration, many, millis } from "./format.ts";
import { openMenu } from "./menu.ts";
import { emptyNote, teamTag } from "./parts.ts";

interface KindField { name: string; about: string; secret: boolean; required: boolean; default: string; choices: string[]; long: boolean; made: boolean }
interface Kind { name: string; label: string; fields: KindField[] }
interface Channel {
  id: string; name: string; kind: string; team: string; escalation: boolean; enabled: boolean; why_disabled: string; settings: Record<string, unknown>; secrets: string[]; problem: string;
  state: string; words: string; waiting: number; delivered: number; deliveries: number; first_try: number; p95: number | null; made_secret?: string;
}
interface Delivery { id: string; channel: string; channel_id: string; alert: string | null; status: string; what: string; state: string; created_at: string; next_at: string | null; finished_at: string | null; tries: number; attempts: Attempt[] }

const MOST = 8, DAY = 86_400_000, AGAIN = 15_000;
const STATES: Record<string, [string, string]> = { works: ["v-ok", "works"], failing: ["v-behind", "failing"], dead: ["v-stalled", "dead"], disabled: ["v-unknown", "off"], unused: ["v-unknown", "nothing sent yet"] };

export class Channels implements Tab {
  readonly el = h("div", { class: "cards" });
  private kinds: Kind[] = [];
  private loaded = 0;

  constructor(private ctx: Context, private note: (text: string, bad?: boolean) => void, private counted: (n: number) => void) {}

  open(): void { void this.load(); }
  update(): void { if (this.ctx.live() && performance.now() - this.loaded > AGAIN && !this.el.contains(document.activeElement)) void this.load(); }

  async load(): Promise<void> {
    this.loaded = performance.now();
    try {
      const answer = await read<{ items: Channel[]; kinds: Kind[] }>("/channels");
      this.kinds = answer.kinds;
      this.counted(answer.items.length);
      const sent = await Promise.all(answer.items.map((c) => read<{ items: Delivery[]; next: string | null }>(`/deliveries?channel=${encodeURIComponent(c.id)}&limit=${MOST}`)));
      this.el.replaceChildren(...(answer.items.length ? answer.items.map((c, i) => this.card(c, sent[i]!.items)) : [emptyNote("send", "Nobody is told yet", "A channel is a way out: a webhook, Slack, Teams, PagerDuty, Opsgenie, Discord, mail. Until there is one, alerts are only shown here.")]));
    } catch (error) { this.note(said(error), true); }
  }

  private card(c: Channel, sent: Delivery[]): HTMLElement {
    const [css, word] = STATES[c.state] ?? STATES["unused"]!, kind = this.kinds.find((k) => k.name === c.kind)?.label ?? c.kind;
    const to = String(c.settings["to"] ?? c.settings["host"] ?? ""), signed = c.kind === "webhook" ? " · signed, v1" : "";
    const head = h("header", { class: "sh" }, h("h2", { class: "ell" }, c.name), h("small", { class: "ell", title: c.words }, `${kind}${to ? ` · ${to}` : ""}${signed}`), h("span", { class: "push" }), ...(this.ctx.may("channels") ? [button("Test", () => void this.test(c), { "aria-label": `Test ${c.name}` }, icon("send", "i s"), "Test"), button("More", () => undefined, { class: "ctl bare icon", "aria-label": `More of ${c.name}`, "aria-haspopup": "menu", click: (event: Event) => this.more(event.currentTarget as HTMLElement, c) }, icon("dots"))] : []));
    const whose = c.team ? teamTag(c.team, true) : h("span", { class: "dim" }, c.escalation ? "what nobody acknowledged" : "what no team's channel gets");
    const state = h("p", { class: `chstate ${css}` }, h("b", {}, upper(word)), h("span", { class: "dim" }, (c.problem || c.words).replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, (t) => when(t, this.ctx.now()))), whose);
    const figure = (label: string, value: string, rest: string): HTMLElement => h("div", {}, h("dt", {}, label), h("dd", { class: "num" }, value, h("small", {}, ` ${rest}`)));
    const took = c.p95 === null ? ["unknown", ""] : c.p95 < 10 ? [String(Math.round(c.p95 * 1000)), "ms"] : [c.p95.toFixed(1), "s"];
    const figures = h("dl", { class: "figs" }, figure("Delivered, 24 h", count(c.delivered), `of ${count(c.deliveries)}`), figure("First attempt", count(c.first_try), `of ${count(c.deliveries)}`), figure("Answers in, p95", took[0]!, took[1]!));
    const list = sent.length ? [h("div", { class: "dh", "aria-hidden": "true" }, ...["Sent", "What", "Answer", "Attempts", "Took"].map((t) => h("span", {}, t))), h("ul", { class: "dls" }, ...sent.map((d) => this.delivery(d)))] : [h("p", { class: "dim" }, "Nothing went out by it yet. Test sends one message at once.")];
    return h("section", { class: "sheet pad", "aria-label": `Channel ${c.name}`, "data-channel": c.name }, head, state, figures, ...list);
  }

  private delivery(d: Delivery): HTMLElement {
    const last = d.attempts.at(-1), at = millis(last?.at ?? d.created_at) ?? 0, good = d.state === "delivered", css = good ? "v-ok" : d.state === "failed" ? "v-stalled" : "v-behind";
    const answer = last ? (last.code === null ? "none" : String(last.code)) : "waiting";
    const trouble = good ? null : h("p", {}, this.trouble(d, last));
    const squares = d.attempts.slice(-5).map((a) => h("i", { class: a.code !== null && a.code >= 200 && a.code < 300 ? "y" : "n", title: `${clock(millis(a.at) ?? 0)}: ${a.code ?? "no answer"} ${a.excerpt}` }));
    return h("li", { class: good ? "" : "retry" }, h("span", { class: "num t", title: when(d.created_at, this.ctx.now()) }, this.ctx.now() - at < DAY ? clock(at) : when(last?.at ?? d.created_at, this.ctx.now())), h("span", { class: "ev", title: d.what }, h("b", {}, d.status), " ", d.alert ? h("a", { class: "mut", href: `/alerts?alert=${d.alert}` }, d.what) : h("span", { class: "mut" }, d.what)),
      h("span", { class: `st ${css}` }, icon(good ? "check" : d.state === "failed" ? "close" : "again", "i s"), answer), h("span", { class: "at" }, ...squares, h("span", { class: "sr" }, many(d.attempts.length, "attempt"))), h("span", { class: "num la" }, last ? (last.took < 10 ? `${Math.round(last.took * 1000)} ms` : `${last.took.toFixed(1)} s`) : ""), trouble);
  }

  private trouble(d: Delivery, last: Attempt | undefined): string {
    const why = !last ? (d.status === "resolved" ? "Not sent yet: what says that it fires goes first." : "Not sent yet.") : last.code === null ? `${upper(last.excerpt || "there was no answer")}.` : `Their side answers ${last.code}${last.excerpt ? `, “${last.excerpt.slice(0, 160)}”` : ""}.`;
    if (d.state === "failed") return `${why.replace(/\.\.$/, ".")} Given up after ${many(d.attempts.length, "attempt")}.`;
    const next = millis(d.next_at), left = next === null ? null : (next - Date.now()) / 1000;
    return `${why.replace(/\.\.$/, ".")} ${left === null ? "" : left > 0 ? `Next attempt in ${duration(Math.ceil(left))}; ` : "The next attempt is due; "}tries until ${when(new Date((millis(d.created_at) ?? 0) + DAY).toISOString(), Date.now())}${left === null ? "" : "."}`;
  }

  private async test(c: Channel): Promise<void> {
    this.note(`A test is on its way to ${c.name}.`);
    try {
      this.note(...tried(c.name, "test", await write<Attempt>(this.ctx, "POST", `/channels/${c.id}/test`)));
      await this.load();
    } catch (error) { this.note(said(error), true); }
  }

  private more(anchor: HTMLElement, c: Channel): void {
    openMenu(anchor, c.name, [{ label: "Change", icon: "doc", run: () => void this.edit(c) }, { label: c.enabled ? "Switch off" : "Switch on", icon: "mute", run: () => void this.turn(c) }, { label: "Delete it and its deliveries", icon: "close", run: () => void this.drop(c) }]);
  }

  private async turn(c: Channel): Promise<void> {
    try { await write(this.ctx, "PUT", `/channels/${c.id}`, { name: c.name, kind: c.kind, team: c.team, escalation: c.escalation, enabled: !c.enabled }); this.note(`${c.name} is ${c.enabled ? "off" : "on"}.`); await this.load(); } catch (error) { this.note(said(error), true); }
  }

  private async drop(c: Channel): Promise<void> {
    try { await write(this.ctx, "DELETE", `/channels/${c.id}`); this.note(`${c.name} is deleted.`); await this.load(); } catch (error) { this.note(said(error), true); }
  }

  /** The form of a new channel, or of one that is changed: a secret that is left empty stays as it is. */
  async edit(old?: Channel): Promise<void> {
    if (!this.kinds.length) await this.load();
    const fields = (v: Record<string, string>): Field[] => {
      const kind = this.kinds.find((k) => k.name === v["kind"]) ?? this.kinds[0];
      const own = (kind?.fields ?? []).map((f): Field => ({
        name: `set.${f.name}`, label: upper(f.about || f.name), long: f.long, type: f.secret && !f.long ? "password" : "text", value: v[`set.${f.name}`] ?? (f.secret ? "" : String(old?.settings[f.name] ?? f.default)), required: f.required && !(old && f.secret && old.kind === kind?.name),
        note: f.secret ? (old?.secrets.includes(f.name) ? "Is set. Leave it empty to keep it; it is never shown." : f.made ? "Leave it empty to have one made." : "Kept encrypted, never shown again.") : "", ...(f.choices.length ? { options: f.choices.map((x): [string, string] => [x, x]) } : {}),
      }));
      return [
        { name: "name", label: "Name", value: v["name"] ?? old?.name ?? "", required: true }, { name: "kind", label: "Kind", value: kind?.name ?? "", options: this.kinds.map((k): [string, string] => [k.name, k.label]) }, ...own,
        { name: "team", label: "Whose alerts", value: v["team"] ?? old?.team ?? "", note: "A team's name; empty gets what no team's channel gets." }, { name: "escalation", label: "Only for what nobody acknowledged", type: "checkbox", value: v["escalation"] ?? (old?.escalation ? "1" : "") },
      ];
    };
    openForm(old ? `Change ${old.name}` : "New channel", fields({ kind: old?.kind ?? "webhook" }), old ? "Change" : "Make it", async (v) => {
      const settings = Object.fromEntries(Object.entries(v).filter(([name, value]) => name.startsWith("set.") && (value || !this.isSecret(v["kind"]!, name.slice(4)))).map(([name, value]) => [name.slice(4), value]));
      const body = { name: v["name"], kind: v["kind"], settings, team: v["team"], escalation: !!v["escalation"], enabled: old?.enabled ?? true };
      const made = await write<Channel>(this.ctx, old ? "PUT" : "POST", old ? `/channels/${old.id}` : "/channels", body);
      const but = made.problem ? ` But nothing can be sent by it: ${made.problem}.` : "";
      this.note(made.made_secret ? `${made.name} is made. Its signing secret, shown this once: ${made.made_secret}${but}` : `${made.name} is saved.${but || " Test says whether it works."}`, !!but);
      await this.load();
    }, fields);
  }

  private isSecret(kind: string, name: string): boolean { return !!this.kinds.find((k) => k.name === kind)?.fields.find((f) => f.name === name)?.secret; }
}
