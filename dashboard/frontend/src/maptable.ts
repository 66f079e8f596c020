// The map's edges as a table: the same as the picture, in words.
import { h } from "./dom.ts";
import { duration, rate, short } from "./format.ts";
import { Grid, type Column } from "./grid.ts";
import { nameOf } from "./ids.ts";
import { kindShape } from "./parts.ts";
import type { MapEdge, Table } from "./types.ts";
import { look, verdictTag } from "./verdict.ts";

interface Line { edge: MapEdge; from: string; to: string; kinds: [string, string]; selected: boolean }

const COLUMNS = (pick: (id: string) => void): Column<Line>[] => {
  const end = (id: (l: Line) => string, name: (l: Line) => string, kind: (l: Line) => string) => (l: Line): Node =>
    h("button", { type: "button", class: "link end", click: () => pick(id(l)) }, kindShape(kind(l)), h("span", { class: "ell" }, name(l)));
  return [
    { id: "from", head: "From", width: "minmax(0, 1.2fr)", cell: end((l) => l.edge.source, (l) => l.from, (l) => l.kinds[0]), by: (l) => l.from },
    { id: "relation", head: "", width: "72px", wide: true, cell: (l) => h("span", { class: "dim" }, l.edge.relation === "reads" ? "is read by" : l.edge.relation), by: (l) => l.edge.relation },
    { id: "to", head: "To", width: "minmax(0, 1.2fr)", cell: end((l) => l.edge.target, (l) => l.to, (l) => l.kinds[1]), by: (l) => l.to },
    { id: "verdict", head: "Verdict", width: "132px", cell: (l) => (l.edge.relation === "reads" ? verdictTag(l.edge.verdict) : ""), by: (l) => (l.edge.relation === "reads" ? look(l.edge.verdict).danger : -1) },
    { id: "lag", head: "Lag", width: "88px", right: true, wide: true, cell: (l) => (l.edge.relation === "reads" ? short(l.edge.lag) : ""), by: (l) => l.edge.lag },
    { id: "time", head: "Behind by", width: "92px", right: true, wide: true, cell: (l) => (l.edge.relation === "reads" ? duration(l.edge.time_lag) : ""), by: (l) => l.edge.time_lag },
    { id: "rate", head: "Rate", width: "84px", right: true, wide: true, cell: (l) => rate(l.edge.rate), by: (l) => l.edge.rate },
    { id: "evidence", head: "Evidence", width: "minmax(0, 1.6fr)", wide: true, cell: (l) => h("span", { class: "ell mut", title: l.edge.sentence }, l.edge.sentence ?? l.edge.strength), by: (l) => l.edge.strength },
  ];
};

export class MapTable {
  private grid: Grid<Line> | null = null;
  private lines = new Map<string, Line>();

  constructor(private root: HTMLElement, private pick: (id: string) => void) {}

  draw(nodes: Table, edges: Table, selected: string | null): void {
    if (!this.grid) this.grid = new Grid<Line>({ label: "Every edge of the map", columns: COLUMNS(this.pick), key: (l) => l.edge.id, sort: { id: "verdict", down: true }, scroller: this.root, rowClass: (l) => (l.selected ? "chosen" : "") });
    if (this.grid.el.parentElement !== this.root) this.root.replaceChildren(this.grid.el);
    const next = new Map<string, Line>();
    for (const [id, row] of Object.entries(edges)) {
      const edge = { ...row, id } as unknown as MapEdge, a = nodes[edge.source], b = nodes[edge.target];
      const line: Line = { edge, from: String(a?.["name"] ?? nameOf(edge.source)), to: String(b?.["name"] ?? nameOf(edge.target)), kinds: [String(a?.["kind"]), String(b?.["kind"])], selected: edge.source === selected || edge.target === selected };
      const old = this.lines.get(id);
      next.set(id, old && JSON.stringify(old) === JSON.stringify(line) ? old : line);
    }
    this.lines = next;
    this.grid.set([...next.values()]);
  }
}
