// Who was in a group and for how long, a band each; rebalances are marked and told.
import { getJson, type Context } from "./context.ts";
import { h, s } from "./dom.ts";
import { clock, count, many, millis, stamp } from "./format.ts";
import { timesOn } from "./heatscale.ts";
import type { Mark } from "./heatmap.ts";
import { runs } from "./names.ts";
import { due, stretchOf, windTo, type Stretch } from "./stretch.ts";

interface Stay { from: string; to: string | null; count: number; partitions: Record<string, number[]> }
interface Band { id: string; client_id: string; host: string; stays: Stay[] }
interface Rebalance { at: string; before: number; after: number; moved: number; sentence: string }
interface Answer { members: Band[]; rebalances: Rebalance[]; more: number }

const AGAIN_MS = 10_000, WIDE = 1000, TOLD = 50;

export class MemberBands {
  readonly el = h("section", { class: "block bands" });
  private answer: Answer | null = null;
  private shown: Stretch | null = null;
  private askedAt = 0;
  private asking = false;
  private failed = "";
  private open = false;
  private hindsight = "";

  constructor(private ctx: Context, private group: string, private marked: (marks: Mark[]) => void) { this.draw(); }

  update(): void {
    const wanted = stretchOf(this.ctx), now = Date.now(), known = this.hindsight === (this.ctx.params["hindsight"] ?? "");
    if (this.asking || !this.ctx.bounds()) return;
    if (due(this.ctx, wanted, known ? this.shown : null, now - this.askedAt, AGAIN_MS)) {
      this.askedAt = now;
      void this.ask(wanted);
    } else this.drawPlace();
  }

  private async ask(stretch: Stretch): Promise<void> {
    this.asking = true;
    const query = new URLSearchParams({ from: new Date(stretch.from).toISOString(), to: new Date(stretch.to).toISOString() });
    this.hindsight = this.ctx.params["hindsight"] ?? "";
    if (this.hindsight) query.set("hindsight", this.hindsight);
    try {
      this.answer = await getJson<Answer>(`/api/v1/groups/${encodeURIComponent(this.group)}/members?${query}`);
      this.shown = stretch;
      this.failed = "";
    } catch (error) {
      this.failed = (error as Error).message;
    } finally { this.asking = false; }
    const rebalances = this.answer?.rebalances ?? [];
    this.marked(rebalances.map((r) => ({ at: millis(r.at) ?? 0, words: r.sentence })));
    this.draw();
  }

  private draw(): void {
    const { answer, shown } = this, held = this.el.contains(document.activeElement);
    if (held) return;
    this.el.dataset["members"] = String(answer?.members.length ?? 0);
    const note = this.failed ? `not read: ${this.failed}` : !answer || !shown ? "reading" : `${clock(shown.from, false)} to ${clock(shown.to, false)}, ${answer.rebalances.length ? many(answer.rebalances.length, "rebalance") : "no rebalance"}`;
    const head = h("h2", {}, "Members through time", h("small", {}, note));
    if (!answer || !shown) { this.el.replaceChildren(head); return; }
    // The newest first: who is there now, then who left last.
    const bands = [...answer.members].sort((a, b) => end(b) - end(a) || start(b) - start(a)), more = answer.more ? h("p", { class: "dim bandmore" }, `${many(answer.more, "member")} that came earlier ${answer.more === 1 ? "is" : "are"} not shown.`) : null;
    const list = bands.length ? h("ul", { class: "bandlist" }, ...bands.map((b) => this.band(b, shown))) : h("p", { class: "dim bandmore" }, "Nobody was in this group in this time.");
    this.el.replaceChildren(head, list, this.axis(shown), ...(more ? [more] : []), this.told());
    this.drawPlace();
  }

  /** Where the playhead stands, in each band. */
  private drawPlace(): void {
    const { from, to } = this.shown ?? { from: 0, to: 1 }, at = this.ctx.now(), inside = !this.ctx.live() && from < at && at < to - (to - from) / 100;
    const d = inside ? `M${(((at - from) / (to - from)) * WIDE).toFixed(1)} 0V16` : "";
    this.el.querySelectorAll(".stands").forEach((line) => line.setAttribute("d", d));
  }

  private band(band: Band, { from, to }: { from: number; to: number }): HTMLElement {
    const x = (t: number): number => Math.max(0, Math.min(WIDE, ((t - from) / (to - from)) * WIDE)), last = band.stays.at(-1)!, left = millis(last.to), gone = left !== null && left <= to;
    const most = Math.max(1, ...this.answer!.members.flatMap((m) => m.stays.map((stay) => stay.count)));
    const pieces = band.stays.map((stay) => {
      const a = x(millis(stay.from) ?? 0), b = x(millis(stay.to) ?? to), tall = 4 + (10 * stay.count) / most;
      return s("rect", { x: a.toFixed(1), y: ((16 - tall) / 2).toFixed(1), width: Math.max(1.5, b - a).toFixed(1), height: tall.toFixed(1), class: stay.count ? "stay" : "stay idle" }, s("title", {}, `${clock(millis(stay.from) ?? 0)} to ${stay.to ? clock(millis(stay.to) ?? 0) : "now"}: ${holding(stay)}`));
    });
    const marks = this.answer!.rebalances.map((r) => millis(r.at) ?? 0).filter((t) => t > from && t < to).map((t) => s("path", { d: `M${x(t).toFixed(1)} 0V16`, class: "reb" }));
    const words = gone ? `left ${clock(left, false)}` : many(last.count, "partition");
    return h("li", { class: gone ? "gone" : null }, h("span", { class: "nm ell", title: `${band.id}, ${band.host}` }, band.client_id || band.id), s("svg", { viewBox: `0 0 ${WIDE} 16`, preserveAspectRatio: "none", role: "img", "aria-label": said(band) }, s("path", { d: `M0 8H${WIDE}`, class: "lane0" }), ...pieces, ...marks, s("path", { class: "stands", d: "" })), h("span", { class: "num r", title: gone ? null : holding(last) }, words));
  }

  private axis({ from, to }: { from: number; to: number }): HTMLElement {
    const labels = timesOn(from, to, innerWidth > 900 ? 8 : 3).map((t) => {
      const el = h("span", {}, clock(t, to - from < 600_000));
      el.style.left = `${((t - from) / (to - from)) * 100}%`;
      return el;
    });
    return h("div", { class: "bandaxis", "aria-hidden": "true" }, h("div", {}, ...labels));
  }

  private told(): HTMLElement {
    const rows = [...this.answer!.rebalances].reverse().slice(0, TOLD).map((r) => h("tr", {}, h("td", {}, h("button", { type: "button", class: "link num", title: `Wind back to ${stamp(millis(r.at) ?? 0)}`, click: () => windTo(this.ctx, millis(r.at) ?? 0, this.shown!) }, clock(millis(r.at) ?? 0))), h("td", { class: "r num" }, `${count(r.before)} to ${count(r.after)}`), h("td", { class: "r num" }, count(r.moved)), h("td", {}, h("div", { class: "why" }, r.sentence))));
    const box = h("details", { class: "heattable" }, h("summary", {}, "Rebalances as a table"), h("div", { class: "tscroll" }, h("table", { class: "plaintable" }, h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "When"), h("th", { scope: "col", class: "r" }, "Members"), h("th", { scope: "col", class: "r" }, "Partitions moved"), h("th", { scope: "col" }, "What happened"))), h("tbody", {}, ...rows))));
    box.open = this.open;
    box.hidden = rows.length === 0;
    box.addEventListener("toggle", () => { this.open = box.open; });
    return box;
  }
}

const start = (b: Band): number => millis(b.stays[0]?.from) ?? 0;
const end = (b: Band): number => { const last = b.stays.at(-1); return last?.to ? millis(last.to) ?? 0 : Number.MAX_SAFE_INTEGER; };

/** Which partitions, in a few words: orders 0 to 3, 7. */
function holding(stay: { count: number; partitions: Record<string, number[]> }): string {
  if (!stay.count) return "no partition";
  return Object.entries(stay.partitions).filter(([, parts]) => parts.length).map(([topic, parts]) => `${topic} ${runs(parts)}`).join("; ");
}

function said(band: Band): string {
  return band.stays.map((stay) => `${clock(millis(stay.from) ?? 0)} to ${stay.to ? clock(millis(stay.to) ?? 0) : "now"}: ${holding(stay)}`).join("; ");
}
