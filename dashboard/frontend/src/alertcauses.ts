// What fires now, by cause: what, since when, until when, whose, who was told; what a cause explains stands under it.
import { lasted, lookOf, pageAt, whatOf, when, type AlertRow, type Told } from "./alertparts.ts";
import type { Context } from "./context.ts";
import { button, h, icon } from "./dom.ts";
import { clock, duration, many, millis } from "./format.ts";
import { teamTag } from "./parts.ts";

export interface Doing { silence: (row: AlertRow) => void; acknowledge: (row: AlertRow, seen: boolean) => void }

interface Cause { row: AlertRow; explains: AlertRow[] }

/** Causes in the order in which they came, each with what it explains, the oldest first. */
export function byCause(rows: AlertRow[]): Cause[] {
  const firing = rows.filter((r) => r.state === "firing"), known = new Map(firing.map((r) => [r.id, r]));
  // A cause may have a cause of its own; of a ring the first by id stands for all.
  const top = (row: AlertRow): AlertRow => {
    const way = [row];
    for (let at = row; at.cause && known.has(at.cause);) {
      at = known.get(at.cause)!;
      const before = way.indexOf(at);
      if (before >= 0) return way.slice(before).sort((a, b) => (a.id < b.id ? -1 : 1))[0]!;
      way.push(at);
    }
    return way[way.length - 1]!;
  };
  const causes = new Map<string, Cause>();
  for (const row of firing) if (top(row) === row) causes.set(row.id, { row, explains: [] });
  for (const row of firing) { const cause = top(row); if (cause !== row) causes.get(cause.id)?.explains.push(row); }
  for (const cause of causes.values()) cause.explains.sort((a, b) => (a.fired_at! < b.fired_at! ? -1 : 1));
  return [...causes.values()];
}

export class Causes {
  readonly el = h("section", { class: "sheet firing", "aria-label": "Firing now, by cause" });
  private shut = new Set<string>();
  private causes: Cause[] = [];

  constructor(private ctx: Context, private doing: Doing) {}

  update(rows: AlertRow[]): void {
    this.causes = byCause(rows);
    this.draw();
  }

  /** Times go on by themselves. */
  tick(): void {
    const now = this.ctx.now();
    this.el.querySelectorAll<HTMLElement>("[data-since]").forEach((el) => { el.textContent = lasted(el.dataset["since"]!, null, now); });
    this.el.querySelectorAll<HTMLElement>("[data-until]").forEach((el) => { el.textContent = duration(Math.max(0, ((millis(el.dataset["until"]) ?? now) - now) / 1000)); });
  }

  private draw(): void {
    const held = (document.activeElement as HTMLElement | null)?.closest<HTMLElement>("[data-do]"), mine = held && this.el.contains(held) ? held.dataset["do"] : null;
    if (!this.causes.length) this.el.replaceChildren(h("p", { class: "calmnote" }, icon("check"), h("span", {}, h("b", {}, this.ctx.live() ? "Nothing fires." : "Nothing fired at this moment."), " The rules say what is looked for.")));
    else this.el.replaceChildren(...this.causes.map((c) => this.cause(c)));
    if (mine) this.el.querySelector<HTMLElement>(`[data-do="${CSS.escape(mine)}"]`)?.focus();
  }

  private cause({ row, explains }: Cause): HTMLElement {
    const v = lookOf(row), open = explains.length > 0 && !this.shut.has(row.id), chosen = this.ctx.params["alert"] === row.id;
    const head = h("div", { class: "chead" },
      h("div", { class: "cv" }, h("span", { class: `verdict ${v.css}` }, icon(v.icon), v.word), h("span", { class: "sub" }, row.severity)),
      h("div", { class: "cw" }, h("h2", {}, h("a", { href: pageAt(row.subject, this.ctx.live() ? null : this.ctx.state()?.at ?? null) }, row.summary || row.subject)), row.reason ? h("p", {}, row.reason, " ", h("span", { class: "mut" }, `So it was when it fired, at ${when(row.fired_at, this.ctx.now())}.`)) : null, this.cause_of(row), this.clear(row), ...this.seen(row)),
      h("div", { class: "cf" }, h("span", { class: "lab" }, "since"), h("b", { class: "num", "data-since": row.since }, lasted(row.since, null, this.ctx.now())), h("span", { class: "sub num" }, when(row.since, this.ctx.now()))),
      this.loss(row),
      h("div", { class: "cf wide" }, h("span", { class: "lab" }, "whose, and who was told"), teamTag(row.team, true), this.told(row)),
      this.acts(row));
    return h("article", { class: `cause ${v.css}${open || chosen ? " open" : ""}${row.silenced ? " quiet" : ""}`, id: `alert-${row.id}`, "data-alert": row.id }, head, explains.length ? this.under(row, explains, open) : null);
  }

  private cause_of(row: AlertRow): HTMLElement | null {
    return row.cause_reason ? h("p", { class: "mut" }, `Because of ${row.cause_reason}`) : null;
  }

  private clear(row: AlertRow): HTMLElement | null {
    return row.clear_since ? h("span", { class: "seen" }, icon("check"), `does not hold since ${when(row.clear_since, this.ctx.now())}; it is over when that lasts`) : null;
  }

  private seen(row: AlertRow): (HTMLElement | null)[] {
    const quiet = row.silenced ? h("span", { class: "seen" }, icon("mute"), `silenced until ${when(row.silenced.ends_at, this.ctx.now())}: ${row.silenced.reason}`) : null;
    return [quiet, this.handled(row)];
  }

  private handled(row: AlertRow): HTMLElement | null {
    if (row.acknowledged_at) return h("span", { class: "seen" }, icon("check"), `acknowledged by ${row.acknowledged_by} at ${when(row.acknowledged_at, this.ctx.now())}`);
    if (row.taken_back_at) return h("span", { class: "seen" }, icon("again"), `${row.taken_back_by} took the acknowledgement back at ${when(row.taken_back_at, this.ctx.now())}`);
    return row.escalated_at ? h("span", { class: "seen" }, icon("again"), `nobody acknowledged: escalated at ${when(row.escalated_at, this.ctx.now())}`) : null;
  }

  private loss(row: AlertRow): HTMLElement {
    const at = row.loss_at ?? null;
    if (at === null) return h("div", { class: "cf" }, h("span", { class: "lab" }, "loses data in"), h("span", { class: "na" }, row.subject.startsWith("lag:") ? "not in sight" : "no records at stake"));
    const hot = (millis(at)! - this.ctx.now()) / 1000 < 6 * 3600;
    return h("div", { class: hot ? "cf hot" : "cf" }, h("span", { class: "lab" }, "loses data in"), h("b", { class: "num", "data-until": at }, duration(Math.max(0, (millis(at)! - this.ctx.now()) / 1000))), h("span", { class: "sub num" }, `about ${when(at, this.ctx.now())}`));
  }

  private told(row: AlertRow): HTMLElement {
    if (row.silenced && !row.told.length) return h("span", { class: "sub" }, icon("mute", "i s"), "held back by a silence");
    if (!row.told.length) return h("span", { class: "sub" }, document.body.dataset["recording"] ? "a recording does not tell" : "no channel was told");
    const good = row.told.filter((t) => t.state === "delivered"), bad = row.told.filter((t) => t.state !== "delivered");
    const shown = (list: Told[]): string => list.slice(0, 3).map((t) => t.channel).join(", ") + (list.length > 3 ? ` and ${list.length - 3} more` : "");
    const lines = [good.length ? h("span", { class: "sub" }, icon("check", "i s"), `${shown(good)} at ${clock(millis(good[0]!.at) ?? 0)}`) : null, bad.length ? h("span", { class: "sub" }, icon("again", "i s"), `${shown(bad)}: ${bad[0]!.state === "failed" ? "failed for good" : bad[0]!.tries ? `attempt ${bad[0]!.tries} failed` : "waiting to be sent"}`) : null];
    return h("span", {}, ...lines);
  }

  private acts(row: AlertRow): HTMLElement {
    const name = row.summary || row.subject;
    const see = h("a", { class: "ctl", href: pageAt(row.subject, row.since), title: "The page of this at the moment when it began", "data-do": `see-${row.id}` }, icon("clock", "i s"), `See ${when(row.since, this.ctx.now())}`);
    if (!this.ctx.live() || !this.ctx.may("alerts")) return h("div", { class: "ca" }, see);
    const ack = row.acknowledged_at ? button("Take back", () => this.doing.acknowledge(row, false), { "data-do": `unack-${row.id}`, "aria-label": `Take back the acknowledgement of ${name}`, title: "Nobody takes care: others are called when its time is up" }, icon("again", "i s"), "Take back") : button("Acknowledge", () => this.doing.acknowledge(row, true), { "data-do": `ack-${row.id}`, "aria-label": `Acknowledge ${name}`, title: "I have seen it and take care; nobody else is called" }, icon("check", "i s"), "Acknowledge");
    const mute = button("Silence", () => this.doing.silence(row), { "data-do": `mute-${row.id}`, "aria-label": `Silence ${name}`, "aria-haspopup": "dialog" }, icon("mute", "i s"), "Silence");
    return h("div", { class: "ca" }, see, ack, mute);
  }

  private under(row: AlertRow, explains: AlertRow[], open: boolean): HTMLElement {
    const line = open ? `${why(row, explains)}${row.told.length ? "; only the cause was sent" : ""}` : names(explains);
    const head = h("div", { class: "exh" }, h("button", { type: "button", "aria-expanded": String(open), "data-do": `open-${row.id}`, click: () => this.toggle(row.id) }, icon("right", "i chev"), h("b", {}, `Explains ${many(explains.length, "alert")}`)), h("span", { class: "ell" }, line));
    return h("div", { class: open ? "ex" : "ex shut" }, head, open ? h("ul", {}, ...explains.map((e) => this.explained(e))) : null);
  }

  private explained(row: AlertRow): HTMLElement {
    const v = lookOf(row);
    return h("li", { class: v.css }, icon(v.icon), h("span", { class: "what" }, ...whatOf(row.subject)), h("span", { class: "rule", title: row.reason }, row.summary || row.rule_name), h("span", { class: "hop ell", title: row.cause_reason }, row.cause_reason || row.rule_name), teamTag(row.team, true), h("span", { class: "snc num" }, `since ${when(row.since, this.ctx.now())}`));
  }

  private toggle(id: string): void {
    if (this.shut.has(id)) this.shut.delete(id); else this.shut.add(id);
    this.draw();
  }
}

/** What the explained have to do with their cause. */
function why(cause: AlertRow, rows: AlertRow[]): string {
  const group = (row: AlertRow): string => (row.subject.startsWith("lag:") ? row.subject.slice(4).split("/").slice(0, 2).join("/") : "");
  const same = rows.filter((r) => group(cause) !== "" && group(r) === group(cause)).length;
  if (same === rows.length) return "the same group, on other topics";
  return `${same ? "the same group on other topics, and " : ""}what is fed by the cause and began after it`;
}

function names(rows: AlertRow[]): string {
  const found = [...new Set(rows.map((r) => r.summary || r.subject))];
  return found.slice(0, 3).join(", ") + (found.length > 3 ? ` and ${found.length - 3} more` : "");
}
