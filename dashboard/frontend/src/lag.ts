// Every group on every topic, the most endangered first.
import { ageTag } from "./ages.ts";
import { sampledAt, type Context, type View } from "./context.ts";
import { debounce, h, icon, setText } from "./dom.ts";
import { clock, count, duration, many } from "./format.ts";
import { firingDot, firingOf, firingRows } from "./firing.ts";
import { filterField } from "./grid.ts";
import { groupId, pageOf, topicId } from "./ids.ts";
import { LagDetail } from "./lagdetail.ts";
import { LagSparks } from "./lagsparks.ts";
import { emptyNote, teamTag } from "./parts.ts";
import { caughtUp, losesData, type Prospect } from "./prospects.ts";
import type { LagRow, State, Verdict } from "./types.ts";
import { VirtualList } from "./virtual.ts";
import { look, VERDICTS, verdictTag } from "./verdict.ts";

interface Item { key: string; row: LagRow; sampled: string | null; open: boolean; firing: string }
type Sort = "verdict" | "name" | "lag" | "time" | "catch" | "loss" | "team";

const HEADS: [Sort | null, string, string][] = [
  ["verdict", "Verdict", "c-v"], ["name", "Group reads topic, and why", "c-gt"], ["lag", "Unread", "c-m r"], ["time", "Behind by", "c-t r"], [null, "Unread", "c-spark"],
  ["catch", "Caught up in", "c-c r"], ["loss", "Loses data in", "c-x r"], ["team", "Owner", "c-own"], [null, "Age", "c-age r"], [null, "", "c-chev"],
];

const name = (r: LagRow): string => `${r.group}\n${r.topic}`;
const nulls = (a: number | null, b: number | null, down: boolean): number => (a === b ? 0 : a === null ? 1 : b === null ? -1 : down ? b - a : a - b);

/** Danger first: the verdict, then the nearest deadline, then the most behind. */
function danger(a: LagRow, b: LagRow): number {
  return look(b.verdict).danger - look(a.verdict).danger || nulls(a.loss_in, b.loss_in, false) || nulls(a.time_lag, b.time_lag, true) || nulls(a.lag, b.lag, true) || (name(a) < name(b) ? -1 : 1);
}

const ORDERS: Record<Sort, (a: LagRow, b: LagRow) => number> = {
  verdict: danger,
  name: (a, b) => (name(a) < name(b) ? -1 : 1),
  lag: (a, b) => nulls(a.lag, b.lag, true),
  time: (a, b) => nulls(a.time_lag, b.time_lag, true),
  catch: (a, b) => nulls(a.catch_up, b.catch_up, true),
  loss: (a, b) => nulls(a.loss_in, b.loss_in, false),
  team: (a, b) => (a.team === b.team ? danger(a, b) : (a.team ?? "\uffff") < (b.team ?? "\uffff") ? -1 : 1),
};

class LagView implements View {
  private title = h("div", { class: "title" });
  private said = h("p", { class: "num" });
  private tallies = h("div", { class: "tallies", role: "group", "aria-label": "Verdicts" });
  private head = h("div", { class: "lhead", role: "row" });
  private body = h("div", { class: "lbody", role: "rowgroup" });
  private sheet = h("div", { class: "sheet lagsheet" });
  private list: VirtualList<Item>;
  private items = new Map<string, Item>();
  private details = new Map<string, LagDetail>();
  private sparks: LagSparks;
  private empty: HTMLElement | null = null;
  private counted = "";

  constructor(private root: HTMLElement, private ctx: Context) {
    root.className = "page";
    const filter = filterField("Group, topic or service", ctx.params["q"] ?? "", debounce(120, (words: string) => { ctx.setParams({ q: words }, true); }));
    this.title.append(h("h1", {}, "Lag"), this.said, h("span", { class: "push" }), filter, this.tallies);
    this.sheet.append(h("div", { class: "lag", role: "table", "aria-label": "Every group and topic" }, h("div", { role: "rowgroup", class: "ltop" }, this.head), this.body));
    root.append(this.title, this.sheet);
    this.sparks = new LagSparks(ctx);
    this.list = new VirtualList<Item>({
      scroller: root, body: this.body, key: (i) => i.key, row: (i) => this.row(i),
      rowHeight: () => Number.parseFloat(getComputedStyle(root).getPropertyValue("--lag-row")) || 51,
      extra: (i) => (i.open ? this.detail(i).height : 0),
    });
    this.drawHead();
  }

  update(state: State): void {
    const rows = state.tables["rows"] ?? {}, next = new Map<string, Item>();
    const opened = this.ctx.params["open"] ?? null, firing = new Map<string, string[]>();
    for (const f of firingRows(state)) firing.set(f.subject, [...(firing.get(f.subject) ?? []), f.id]);
    for (const [key, raw] of Object.entries(rows)) {
      const row = raw as unknown as LagRow, sampled = sampledAt(state, row as never), old = this.items.get(key), open = key === opened, fires = (firing.get(`lag:${key}`) ?? []).join();
      next.set(key, old && old.row === row && old.open === open && old.sampled === sampled && old.firing === fires ? old : { key, row, sampled, open, firing: fires });
    }
    this.items = next;
    for (const item of next.values()) if (item.open) this.detail(item).update(item.row);
    this.arrange();
    this.drawTallies(state);
    this.explain(state, next.size);
    this.root.dataset["rows"] = String(next.size);
  }

  tick(): void {
    this.sparks.want(this.list.visible().map((i) => i.row));
    setText(this.head.querySelector(".c-spark"), `Unread, ${duration(Math.round(this.sparks.seconds / 60) * 60)}`);
  }

  themed(): void { this.details.forEach((detail) => detail.themed()); }

  private arrange(): void {
    const sort = (this.ctx.params["sort"] ?? "verdict") as Sort, order = ORDERS[sort] ?? danger;
    const all = [...this.items.values()].sort((a, b) => order(a.row, b.row) || (a.key < b.key ? -1 : 1));
    if (this.ctx.params["dir"] === "up") all.reverse();
    this.list.set(all);
    this.root.querySelector(".lag")?.setAttribute("aria-rowcount", String(all.length + 1));
    this.tick();
  }

  private drawHead(): void {
    const sort = this.ctx.params["sort"] ?? "verdict", up = this.ctx.params["dir"] === "up";
    this.head.replaceChildren(...HEADS.map(([id, label, cls]) => {
      const on = id === sort;
      const inside = id ? h("button", { type: "button", click: () => this.sortBy(id) }, label, on ? icon("sort", up ? "i up" : "i") : null) : label ? label : h("span", { class: "sr" }, "Open");
      return h("div", { class: `${cls}${on ? " sorted" : ""}`, role: "columnheader", "aria-sort": on ? (up ? "ascending" : "descending") : null }, inside);
    }));
  }

  private sortBy(id: Sort): void {
    const same = (this.ctx.params["sort"] ?? "verdict") === id;
    this.ctx.setParams({ sort: id === "verdict" ? null : id, dir: same && this.ctx.params["dir"] !== "up" ? "up" : null });
    this.drawHead();
    this.arrange();
  }

  private drawTallies(state: State): void {
    const counts = (state.meta["counts"] ?? {}) as Partial<Record<Verdict, number>>, chosen = this.chosen();
    const groups = new Set<string>(), topics = new Set<string>();
    for (const { row } of this.items.values()) { groups.add(`${row.cluster}/${row.group}`); topics.add(`${row.cluster}/${row.topic}`); }
    setText(this.said, `${many(groups.size, "group")} on ${many(topics.size, "topic")}${this.ctx.params["sort"] ? "" : ", most endangered first"}`);
    const key = JSON.stringify([counts, [...chosen]]);
    if (key === this.counted) return;
    this.counted = key;
    this.tallies.replaceChildren(...VERDICTS.filter((v) => counts[v] || chosen.has(v)).map((v) => h("button", { type: "button", class: `tally ${look(v).css}`, "aria-pressed": String(chosen.has(v)), click: () => this.choose(v) }, icon(look(v).css), h("b", { class: "num" }, count(counts[v] ?? 0)), look(v).word.toLowerCase())));
  }

  private chosen(): Set<string> { return new Set((this.ctx.params["verdict"] ?? "").split(",").filter(Boolean)); }

  private choose(v: Verdict): void {
    const chosen = this.chosen();
    if (chosen.has(v)) chosen.delete(v); else chosen.add(v);
    this.ctx.setParams({ verdict: [...chosen].join(",") }, true);
  }

  private explain(state: State, n: number): void {
    this.empty?.remove();
    this.empty = null;
    this.sheet.hidden = n === 0;
    if (n) return;
    const filtered = ["verdict", "q", "cluster", "team", "group", "topic"].some((p) => this.ctx.params[p]), groups = Object.values(state.tables["clusters"] ?? {}).some((c) => Number(c["groups"]) > 0);
    this.empty = filtered ? emptyNote("filter", "Nothing passes these filters", "Take one away, or show every group.", { href: "/lag", text: "Show every group" })
      : emptyNote("lag", "No group has committed a position", groups ? "Groups exist, but none has committed an offset that Playhead could read. The right needed is Describe on groups and topics." : "As soon as a consumer group commits an offset it appears here, within one interval.", { href: "/collectors", text: "See the collectors" });
    this.root.append(this.empty);
  }

  private detail(item: Item): LagDetail {
    let detail = this.details.get(item.key);
    if (!detail) {
      detail = new LagDetail(this.ctx, item.row, () => this.list.measure());
      this.details.set(item.key, detail);
    }
    return detail;
  }

  private toggle(item: Item): void {
    const open = !item.open;
    for (const [key, other] of this.items) if (other.open || key === item.key) this.items.set(key, { ...other, open: key === item.key && open });
    this.ctx.setParams({ open: open ? item.key : null });
    this.details.forEach((d, key) => { if (key !== item.key || !open) { d.close(); this.details.delete(key); } });
    this.arrange();
    this.list.element(item.key)?.querySelector<HTMLElement>(".chevb")?.focus({ preventScroll: true });
  }

  private row(item: Item): HTMLElement {
    const r = item.row, v = look(r.verdict), calm = r.verdict === "ok" ? " calm" : "";
    const cell = (cls: string, ...inside: (Node | string | null)[]): HTMLElement => h("div", { class: cls, role: "cell" }, ...inside);
    const label = (text: string): HTMLElement => h("span", { class: "lab-m", "aria-hidden": "true" }, text);
    const chev = h("button", { type: "button", class: "chevb", "aria-expanded": String(item.open), "aria-label": `${item.open ? "Close" : "Open"} ${r.group} on ${r.topic}`, click: () => this.toggle(item) }, icon("right", "i chev"));
    const line = h("div", { class: "lcells", role: "row" },
      cell("c-v", verdictTag(r.verdict)), cell("c-gt", this.names(item), h("div", { class: "why", title: r.reason }, r.reason ?? "")),
      cell("c-m r num", label("unread"), big(r.lag === null ? null : count(r.lag))), cell("c-t r num", label("behind by"), big(r.time_lag === null ? null : duration(r.time_lag)), r.time_lag_error ? sub(`± ${duration(r.time_lag_error)}`) : null),
      cell("c-spark", this.sparks.element(r, v.css)), cell("c-c r num", ...prospect(caughtUp(r), this.ctx.now())), cell("c-x r num", label("loses data in"), ...prospect(losesData(r), this.ctx.now(), hot(r))),
      cell("c-own", teamTag(r.team, true)), cell("c-age r", ageTag(item.sampled, this.ctx.now())), cell("c-chev", chev));
    line.addEventListener("click", (event) => { if (!(event.target as Element).closest("a, button")) this.toggle(item); });
    return h("div", { class: `lrow ${v.css}${calm}${item.open ? " open" : ""}`, role: "presentation" }, line, item.open ? this.detail(item).el : null);
  }

  private names({ row: r, key }: Item): HTMLElement {
    return h("div", { class: "gt" }, h("a", { href: pageOf(groupId(r.cluster, r.group)), title: r.service && r.service !== r.group ? `service ${r.service}` : null }, r.group), icon("arrow"), h("a", { class: "tp", href: pageOf(topicId(r.cluster, r.topic)) }, r.topic), firingDot(firingOf(this.ctx.state(), `lag:${key}`)));
  }
}

const big = (text: string | null, cls = ""): HTMLElement => h("span", { class: text === null ? "na" : `big ${cls}` }, text ?? "unknown");
const sub = (text: string): HTMLElement => h("span", { class: "sub" }, text);

/** A prospect as a cell: a time with its clock where that is near, else a word and why. */
function prospect(p: Prospect, now: number, hot = false): HTMLElement[] {
  if (p.seconds === null) return [h("span", { class: "na" }, p.words), ...(p.why ? [sub(p.why)] : [])];
  return [big(p.words, hot ? "hot" : ""), sub(p.seconds < 86_400 ? `about ${clock(now + p.seconds * 1000, false)}` : p.why)];
}

const hot = (r: LagRow): boolean => r.verdict === "will_lose_data" || (r.loss_in !== null && r.loss_in < 86_400);

export function makeLag(root: HTMLElement, ctx: Context): View { return new LagView(root, ctx); }
