// An opened row: where each partition stands, and who reads it.
import { getJson, type Context } from "./context.ts";
import { h, s } from "./dom.ts";
import { HeatMap } from "./heatmap.ts";
import { count, duration, many } from "./format.ts";
import { groupId, pageOf, topicId } from "./ids.ts";
import type { LagRow } from "./types.ts";

interface Partition { partition: number; committed: number | null; log_start: number | null; log_end: number | null; lag: number | null; time_lag: number | null; owner_member: string | null }

const SHOWN = 256, LINE = 23, LINES = 6, AGAIN_MS = 10_000;

export class LagDetail {
  readonly el = h("div", { class: "ldetail" });
  private partitions: Partition[] = [];
  private timer: number;
  private failed = "";
  private heat: HeatMap;
  private askedFor = "";
  height = 150;

  constructor(private ctx: Context, private row: LagRow, private grown: () => void) {
    this.heat = new HeatMap(ctx, groupId(row.cluster, row.group), { topic: row.topic, small: true, drawn: () => { this.draw(); this.grown(); } });
    this.draw();
    void this.ask();
    this.timer = window.setInterval(() => { if (this.ctx.live()) void this.ask(); }, AGAIN_MS);
  }

  update(row: LagRow): void {
    this.row = row;
    this.heat.update();
    if (this.moment() !== this.askedFor) void this.ask();
  }

  /** Live is asked for from time to time, a moment once. */
  private moment(): string { return this.ctx.live() ? "live" : `${this.ctx.now()} ${this.ctx.params["hindsight"] ?? ""}`; }

  themed(): void { this.heat.themed(); }

  close(): void { window.clearInterval(this.timer); }

  private async ask(): Promise<void> {
    const { cluster, group, topic } = this.row, query = new URLSearchParams({ cluster, group, topic, partitions: "1" });
    if (!this.ctx.live()) query.set("at", new Date(this.ctx.now()).toISOString());
    if (this.ctx.params["hindsight"]) query.set("hindsight", this.ctx.params["hindsight"]);
    this.askedFor = this.moment();
    try {
      const answer = await getJson<{ items: { partitions?: Partition[] }[] }>(`/api/v1/lag?${query}`);
      this.partitions = (answer.items[0]?.partitions ?? []).sort((a, b) => a.partition - b.partition);
      this.failed = "";
    } catch (error) {
      this.failed = (error as Error).message;
    }
    this.draw();
    this.grown();
  }

  private draw(): void {
    const members = this.members(), shown = this.partitions.slice(0, SHOWN);
    const left = h("div", { class: "heat" }, this.heat.el, h("div", { class: "h3" }, this.ctx.live() ? "Unread now " : "Unread then ", h("small", {}, this.partitions.length ? many(this.partitions.length, "partition") : this.failed || "reading")), this.table(shown));
    const foot = h("div", { class: "acts" }, h("a", { class: "ctl", href: pageOf(groupId(this.row.cluster, this.row.group)) }, "Open group"), h("a", { class: "ctl", href: pageOf(topicId(this.row.cluster, this.row.topic)) }, "Open topic"), h("a", { class: "ctl", href: `/map?focus=${encodeURIComponent(topicId(this.row.cluster, this.row.topic))}` }, "On the map"));
    const right = h("div", { class: "mem" }, h("div", { class: "h3" }, "Members ", h("small", {}, this.row.members === null ? "not known" : many(this.row.members, "member"))), members, h("p", {}, this.row.reason ?? ""), foot);
    this.el.replaceChildren(h("div", { class: "in" }, left, right));
    const narrow = innerWidth <= 900, list = Math.min(shown.length, LINES) * LINE + 40 + this.heat.height;
    this.height = narrow ? list + 92 + 190 : Math.max(176, list + 42);
    this.el.style.height = `${this.height}px`;
  }

  private table(rows: Partition[]): HTMLElement {
    const most = Math.max(1, ...rows.map((p) => p.lag ?? 0));
    const line = (p: Partition): HTMLElement => h("tr", {}, h("th", { scope: "row" }, `p${p.partition}`), h("td", { class: "barcell" }, bar((p.lag ?? 0) / most)), h("td", { class: "r num" }, p.lag === null ? h("span", { class: "na" }, "unknown") : count(p.lag)), h("td", { class: "r num mut" }, p.time_lag === null ? "" : duration(p.time_lag)), h("td", { class: "r num dim wide-only" }, `${count(p.committed)} of ${count(p.log_end)}`));
    return h("div", { class: "plist" }, h("table", { class: "pt2" }, h("thead", { class: "sr" }, h("tr", {}, ...["Partition", "", "Unread", "Behind by", "Position"].map((x) => h("th", {}, x)))), h("tbody", {}, ...rows.map(line))));
  }

  private members(): HTMLElement {
    const by = new Map<string, number>();
    for (const p of this.partitions) if (p.owner_member) by.set(p.owner_member, (by.get(p.owner_member) ?? 0) + 1);
    const most = Math.max(1, ...by.values());
    return h("ul", { class: "members" }, ...[...by].slice(0, 8).map(([member, n]) => h("li", {}, h("span", { class: "nm", title: member }, member), bar(n / most, "hm"), h("span", { class: "num" }, many(n, "partition")))));
  }
}

function bar(share: number, css?: string): SVGElement {
  const step = Math.min(6, Math.max(share > 0 ? 1 : 0, Math.round(share * 5)));
  return s("svg", { viewBox: "0 0 100 10", preserveAspectRatio: "none", class: "hbar", "aria-hidden": "true" }, s("rect", { x: 0, y: 2, width: 100, height: 6, class: "h0" }), s("rect", { x: 0, y: 2, width: (share * 100).toFixed(1), height: 6, class: css ?? (step === 3 ? "h3c" : `h${step}`) }));
}
