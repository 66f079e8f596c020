// Silences: what is held back until when and why, and the form that makes one.
import { openForm, read, upper, when, write, type AlertRow, type Field } from "./alertparts.ts";
import type { Context } from "./context.ts";
import { button, h, icon, setText } from "./dom.ts";
import { duration, many, millis } from "./format.ts";
import { nameOf } from "./ids.ts";
import { openMenu } from "./menu.ts";

interface Silence {
  id: string; kind: string; matcher: Record<string, string[]>; reason: string; starts_at: string; ends_at: string; repeats: string;
  created_by: string; created_at: string; active: boolean; held_back: number;
}

const LASTS: [string, string][] = [["3600", "1 hour"], ["14400", "4 hours"], ["28800", "8 hours"], ["86400", "1 day"], ["259200", "3 days"], ["604800", "1 week"]];
const NAMES = ["rule", "severity", "cluster", "team", "service", "topic", "group"];
const words = (matcher: Record<string, string[]>): string => Object.entries(matcher).filter(([name]) => name !== "rule").map(([name, globs]) => `${name === "topic" || name === "group" ? "" : `${name} `}${globs.join(", ")}`).join(" and ") || "anything";

/** What would match just this alert. */
export function matcherOf(row: AlertRow): Record<string, string> {
  const path = row.subject.slice(row.subject.indexOf(":") + 1).split("/"), kind = row.subject.split(":")[0];
  if (kind === "lag" && path.length >= 3) return { cluster: row.cluster, group: decoded(path[1]!), topic: decoded(path[2]!) };
  if (kind === "topic" || kind === "group" || kind === "service") return { [kind]: nameOf(row.subject) };
  return { rule: row.rule_name, ...(row.cluster ? { cluster: row.cluster } : {}) };
}

function decoded(segment: string): string { try { return decodeURIComponent(segment); } catch { return segment; } }

export class Silences {
  readonly el = h("section", { class: "sheet pad", "aria-label": "Silences" });
  private count = h("small", { class: "num" });
  private list = h("ul", { class: "sils" });
  private items: Silence[] = [];

  constructor(private ctx: Context, private note: (text: string, bad?: boolean) => void) {
    this.el.append(h("header", { class: "sh" }, h("h2", {}, "Silences"), this.count, h("span", { class: "push" }), ctx.may("alerts") ? button("New", () => this.make({}), { "aria-haspopup": "dialog" }, icon("plus", "i s"), "New") : null), this.list);
  }

  async load(): Promise<void> {
    const at = this.ctx.live() ? "live" : this.ctx.state()?.at ?? "live";
    try { this.items = (await read<{ items: Silence[] }>(`/silences?at=${encodeURIComponent(at)}`)).items; } catch (error) { this.note(upper(String(error instanceof Error ? error.message : error)), true); return; }
    this.draw();
  }

  draw(): void {
    const now = this.ctx.now();
    setText(this.count, String(this.items.length));
    if (!this.items.length) { this.list.replaceChildren(h("li", { class: "dim" }, "Nothing is silenced. A silence holds back what matches it until it ends, and says why.")); return; }
    this.list.replaceChildren(...this.items.map((s) => this.item(s, now)));
  }

  private item(s: Silence, now: number): HTMLElement {
    const a = millis(s.starts_at) ?? now, b = millis(s.ends_at) ?? now, part = Math.max(0, Math.min(1, (now - a) / Math.max(1, b - a)));
    const bar = h("span", { class: "prog" }, h("i"));
    (bar.firstElementChild as HTMLElement).style.width = `${Math.round(part * 100)}%`;
    const ends = s.repeats ? `every ${s.repeats}, ${when(s.starts_at, now)} for ${duration((b - a) / 1000)}${s.active ? ", now" : ""}` : a > now ? `begins ${when(s.starts_at, now)}, for ${duration((b - a) / 1000)}` : `ends ${when(s.ends_at, now)}, in ${duration(Math.max(0, (b - now) / 1000))}`;
    const more = this.ctx.live() && this.ctx.may("alerts") ? button("More", () => undefined, { class: "ctl bare icon", "aria-label": `More of the silence of ${words(s.matcher)}`, "aria-haspopup": "menu", click: (event: Event) => this.more(event.currentTarget as HTMLElement, s) }, icon("dots")) : null;
    return h("li", { "data-silence": s.id }, h("div", { class: "sl1" }, icon("mute", "i s"), h("b", { class: "ell" }, words(s.matcher)), h("span", { class: "mut ell" }, s.matcher["rule"] ? `rule ${s.matcher["rule"].join(", ")}` : "any rule"), s.kind === "maintenance" ? h("span", { class: "chg" }, "maintenance") : null, h("span", { class: "push" }), more),
      h("p", {}, `${s.reason} `, h("span", { class: "dim" }, `${s.created_by}, ${when(s.created_at, now)}`)),
      h("div", { class: "sl3" }, s.repeats ? null : bar, h("span", { class: "num" }, ends), h("span", { class: "dim" }, s.held_back ? `held back ${many(s.held_back, "alert")}` : "held back nothing yet")));
  }

  private more(anchor: HTMLElement, s: Silence): void {
    openMenu(anchor, "Silence", [{ label: "End it now", icon: "close", run: () => void this.end(s) }, { label: "Longer, or otherwise", icon: "clock", run: () => this.make(Object.fromEntries(Object.entries(s.matcher).map(([k, v]) => [k, v.join(", ")])), s) }]);
  }

  private async end(s: Silence): Promise<void> {
    try { await write(this.ctx, "DELETE", `/silences/${s.id}`); this.note(`The silence of ${words(s.matcher)} is ended; what still fires is told.`); await this.load(); } catch (error) { this.note(String(error instanceof Error ? error.message : error), true); }
  }

  /** The form; `matcher` is filled in. `old` is one that is changed. */
  make(matcher: Record<string, string>, old?: Silence): void {
    const fields: Field[] = [
      { name: "reason", label: "Why", required: true, value: old?.reason ?? "", note: "Whoever wonders why nobody was called reads this." },
      { name: "lasts", label: "For how long, from now", options: LASTS, value: "14400" },
      ...NAMES.map((name): Field => ({ name, label: upper(name), value: matcher[name] ?? "", note: name === "topic" ? "Names or globs with commas between: payments.*, refunds. Every field that is filled in has to match." : "" })),
      { name: "repeats", label: "Again", options: [["", "once"], ["day", "every day at this time"], ["week", "every week at this time"]], value: old?.repeats ?? "" },
      { name: "maintenance", label: "It is planned maintenance", type: "checkbox", value: old?.kind === "maintenance" ? "1" : "" },
    ];
    openForm(old ? "Change the silence" : "Silence", fields, old ? "Change" : "Silence", async (v) => {
      const given = Object.fromEntries(NAMES.filter((n) => v[n]).map((n) => [n, v[n]!.split(",").map((g) => g.trim()).filter(Boolean)]));
      if (!Object.keys(given).length) throw new Error(`Fill in at least one of ${NAMES.map(upper).join(", ")}; * stands for all.`);
      const body = { matcher: given, reason: v["reason"], lasts: Number(v["lasts"]), repeats: v["repeats"], kind: v["maintenance"] || v["repeats"] ? "maintenance" : "silence" };
      await write(this.ctx, old ? "PUT" : "POST", old ? `/silences/${old.id}` : "/silences", body);
      this.note("Silenced. The next frame shows it.");
      await this.load();
    });
  }
}
