// The map as a tree: each thing, and under it what it writes, reads and calls. For keyboards and screen readers.
import { firingDot, placesOf, type Firing } from "./firing.ts";
import { h, icon } from "./dom.ts";
import { duration, rate, short } from "./format.ts";
import { nameOf } from "./ids.ts";
import { kindShape, teamTag } from "./parts.ts";
import type { MapEdge, Row, Table } from "./types.ts";
import { inTrouble, look, verdictTag } from "./verdict.ts";

const ORDER = ["team", "fold", "service", "group", "connector", "query", "writer", "system", "topic"];
const HEADS: Record<string, string> = { team: "Teams", fold: "Folded by name", service: "Services", group: "Groups without a service", connector: "Connectors", query: "Queries", writer: "Unknown writers", system: "Systems", topic: "Topics" };

interface Ends { out: MapEdge[]; in: MapEdge[] }

export class MapTree {
  private el = h("ul", { class: "tree", role: "tree", "aria-label": "Everything on the map" });
  private open = new Set<string>();
  private nodes: Table = {};
  private firing: Firing[] = [];
  private drawn: unknown[] = [];

  constructor(private root: HTMLElement, private pick: (id: string) => void) {
    this.el.addEventListener("keydown", (event) => this.keys(event));
  }

  draw(nodes: Table, edges: Table, selected: string | null, firing: Table = {}): void {
    if (this.el.parentElement !== this.root) this.root.replaceChildren(this.el);
    const now = [nodes, edges, selected, firing];
    if (now.every((x, i) => x === this.drawn[i])) return;
    this.drawn = now;
    this.nodes = nodes;
    this.firing = Object.values(firing) as unknown as Firing[];
    if (selected) this.open.add(selected);
    const focused = (document.activeElement as HTMLElement | null)?.dataset["key"];
    const ends = endsOf(nodes, edges);
    const heads = ORDER.map((kind) => this.group(kind, ends, selected)).filter((x): x is HTMLElement => x !== null);
    this.el.replaceChildren(...heads);
    const items = this.items(), target = items.find((i) => i.dataset["key"] === focused) ?? items.find((i) => i.getAttribute("aria-selected") === "true") ?? items[0];
    target?.setAttribute("tabindex", "0");
    if (focused) target?.focus();
  }

  private group(kind: string, ends: Map<string, Ends>, selected: string | null): HTMLElement | null {
    const rows = Object.entries(this.nodes).filter(([, n]) => n["kind"] === kind);
    if (!rows.length) return null;
    const worst = (id: string): number => Math.max(-1, ...(ends.get(id)?.in ?? []).filter((e) => e.relation === "reads").map((e) => look(e.verdict).danger));
    rows.sort((a, b) => worst(b[0]) - worst(a[0]) || String(a[1]["name"]).localeCompare(String(b[1]["name"])));
    const list = h("ul", { role: "group" }, ...rows.map(([id, n]) => this.thing(id, n, ends.get(id)!, selected)));
    return h("li", { role: "none", class: "kindgroup" }, h("div", { class: "khead" }, HEADS[kind] ?? kind, h("small", {}, String(rows.length))), list);
  }

  private thing(id: string, n: Row, ends: Ends, selected: string | null): HTMLElement {
    const lines = [...ends.in, ...ends.out], open = this.open.has(id);
    const bad = ends.in.filter((e) => e.relation === "reads" && inTrouble(e.verdict)).sort((a, b) => look(b.verdict).danger - look(a.verdict).danger)[0];
    const head = h("div", { class: "trow" }, icon("right", "i s chev"), kindShape(String(n["kind"])), h("b", { class: "ell" }, String(n["name"])), firingDot(this.firing.filter((f) => placesOf(f, this.nodes).includes(id))), ["team", "fold"].includes(String(n["kind"])) ? h("span", { class: "dim" }, String(n["sub"] ?? "")) : teamTag(n["team"] as string | null), bad ? verdictTag(bad.verdict) : null, h("span", { class: "push dim num" }, words(ends)));
    const el = h("li", { role: "treeitem", tabindex: "-1", "data-key": id, "data-id": id, "aria-expanded": lines.length ? String(open) : null, "aria-selected": String(id === selected), click: (event) => { event.stopPropagation(); this.toggle(el, id, ends); } }, head);
    if (open) el.append(this.lines(id, ends));
    return el;
  }

  private toggle(el: HTMLElement, id: string, ends: Ends): void {
    const open = !this.open.has(id);
    if (open) this.open.add(id); else this.open.delete(id);
    el.setAttribute("aria-expanded", String(open));
    el.querySelector("ul")?.remove();
    if (open) el.append(this.lines(id, ends));
    this.focus(el);
    this.pick(id);
  }

  private lines(id: string, ends: Ends): HTMLElement {
    const topic = this.nodes[id]?.["kind"] === "topic";
    const say: Record<string, [string, string]> = { reads: topic ? ["read by", "read by"] : ["reads", "is read by"], writes: topic ? ["written by", "written by"] : ["is written by", "writes"], calls: ["is called by", "calls"] };
    const line = (e: MapEdge, way: 0 | 1): HTMLElement => {
      const other = way ? e.target : e.source, name = String(this.nodes[other]?.["name"] ?? nameOf(other));
      const numbers = e.relation === "reads" ? `${short(e.lag)} behind${e.time_lag === null ? "" : `, ${duration(e.time_lag)}`}` : rate(e.rate);
      return h("li", { role: "treeitem", tabindex: "-1", "data-key": `${id}>${e.id}`, "data-id": other, click: (event) => { event.stopPropagation(); this.pick(other); } },
        h("div", { class: "trow leaf" }, h("span", { class: "dim verb" }, say[e.relation]?.[way] ?? e.relation), h("b", { class: "ell" }, name), e.relation === "reads" ? verdictTag(e.verdict) : null, h("span", { class: "mut num" }, numbers), h("span", { class: "dim ell wide-only" }, e.sentence ?? e.strength)));
    };
    return h("ul", { role: "group" }, ...ends.in.map((e) => line(e, 0)), ...ends.out.map((e) => line(e, 1)));
  }

  private items(): HTMLElement[] { return [...this.el.querySelectorAll<HTMLElement>("[role=treeitem]")]; }

  private focus(el: HTMLElement | undefined | null): void {
    if (!el) return;
    this.el.querySelector("[tabindex='0']")?.setAttribute("tabindex", "-1");
    el.setAttribute("tabindex", "0");
    el.focus();
  }

  private keys(event: KeyboardEvent): void {
    const items = this.items(), here = items.indexOf(document.activeElement as HTMLElement), el = items[here];
    if (!el) return;
    const expanded = el.getAttribute("aria-expanded");
    if (event.key === "ArrowDown") this.focus(items[here + 1]);
    else if (event.key === "ArrowUp") this.focus(items[here - 1]);
    else if (event.key === "Home") this.focus(items[0]);
    else if (event.key === "End") this.focus(items.at(-1));
    else if (event.key === "ArrowRight") { if (expanded === "false") el.click(); else this.focus(items[here + 1]); }
    else if (event.key === "ArrowLeft") { if (expanded === "true") el.click(); else this.focus(el.parentElement?.closest<HTMLElement>("[role=treeitem]")); }
    else if (event.key === "Enter" || event.key === " ") el.click();
    else return;
    event.preventDefault();
  }
}

function endsOf(nodes: Table, edges: Table): Map<string, Ends> {
  const out = new Map<string, Ends>(Object.keys(nodes).map((id) => [id, { out: [], in: [] }]));
  for (const [id, row] of Object.entries(edges)) {
    const edge = { ...row, id } as unknown as MapEdge;
    out.get(edge.source)?.out.push(edge);
    out.get(edge.target)?.in.push(edge);
  }
  return out;
}

function words({ in: ins, out: outs }: Ends): string {
  return `${ins.length} in, ${outs.length} out`;
}
