// Cytoscape draws the edges and knows what is under the pointer; shapes and words are copied over it by the marks.
import cytoscape from "cytoscape";
import { bend, curve, ports, sizeOf, widthOf, type Curve } from "./geometry.ts";
import type { Palette } from "./palette.ts";
import { changeTones } from "./sprites.ts";
import { motionReduced } from "./theme.ts";
import type { MapEdge, MapNode, Table } from "./types.ts";
import { look } from "./verdict.ts";

const WIDTHS = [1, 1.6, 2.4, 3.2, 4.2, 5.4];
const LARGE = 450;
/** Few edges can be told apart without fading the others. */
const CROWD = 60;
/** Where more than this are in trouble, a halo around each hides them all. */
const MOST_LOUD = 24;
/** More new edges than this at once are another picture, and stand there at once. */
const FADING = 150;

function bucket(rate: number | null): number {
  const w = widthOf(rate);
  const at = WIDTHS.findIndex((each) => w <= each + 0.3);
  return at < 0 ? WIDTHS.length - 1 : at;
}

/** A class for each look, so that a thousand edges share a few dozen styles. */
function classesOf(e: MapEdge, folded: boolean, crowd: boolean): string {
  const verdict = e.relation === "reads" ? look(e.verdict).css : "flow";
  const out = [verdict, `w${bucket(e.rate)}`, e.strength];
  if (e.relation === "calls") out.push("calls");
  if (e.stale) out.push("stale");
  // A view that compares two moments says of a row how it differs; then that is the colour.
  if (e.change) return [...out, e.change].join(" ");
  if (e.relation === "reads" && look(e.verdict).danger >= 3) out.push(crowd ? "many" : "loud");
  else if (folded) out.push("pale");
  return out.join(" ");
}

type Style = { selector: string; style: Record<string, unknown> };

function stylesheet(p: Palette): Style[] {
  const out: Style[] = [
    { selector: "node", style: { shape: "rectangle", width: "data(w)", height: "data(h)", "background-opacity": 0, "border-width": 0, "overlay-opacity": 0, events: "yes" } },
    { selector: "edge", style: {
      "curve-style": "unbundled-bezier", "edge-distances": "endpoints", "control-point-distances": "data(distances)", "control-point-weights": "data(weights)",
      "source-endpoint": "data(leave)", "target-endpoint": "data(arrive)", "line-color": p.flow, "target-arrow-color": p.flow, "target-arrow-shape": "triangle",
      "arrow-scale": 0.8, "line-cap": "butt", "overlay-opacity": 0, width: 1 } },
  ];
  WIDTHS.forEach((w, i) => out.push({ selector: `edge.w${i}`, style: { width: w, "arrow-scale": 0.72 + i * 0.05 } }));
  for (const [css, tones] of Object.entries(p.verdict)) out.push({ selector: `edge.${css}`, style: { "line-color": tones.line, "target-arrow-color": tones.line } });
  out.push(
    { selector: "edge.inferred", style: { "line-style": "dashed", "line-dash-pattern": [7, 4] } },
    { selector: "edge.declared, edge.permitted", style: { "line-style": "dashed", "line-dash-pattern": [0.1, 4.6], "line-cap": "round" } },
    { selector: "edge.calls", style: { "target-arrow-fill": "hollow" } },
    { selector: "edge.pale", style: { "line-opacity": 0.5 } },
    { selector: "edge.many", style: { "line-opacity": 0.6 } },
    { selector: "edge.loud", style: { "underlay-color": p.flow, "underlay-opacity": 0.2, "underlay-padding": 5, "z-index": 5 } },
  );
  for (const [css, tones] of Object.entries(p.verdict)) out.push({ selector: `edge.loud.${css}`, style: { "underlay-color": tones.line } });
  out.push(
    { selector: "edge.stale", style: { "line-color": p.verdict["v-unknown"]!.line, "target-arrow-color": p.verdict["v-unknown"]!.line, opacity: p.stale } },
  );
  for (const change of ["added", "removed", "changed"] as const) {
    const { line } = changeTones(change, p);
    out.push({ selector: `edge.${change}`, style: { "line-color": line, "target-arrow-color": line, "underlay-color": line, "underlay-opacity": 0.2, "underlay-padding": 4, opacity: 1, "z-index": 6 } });
  }
  out.push(
    { selector: "edge.removed", style: { "line-style": "dashed", "line-dash-pattern": [5, 4], opacity: 0.6 } },
    { selector: "edge.dim", style: { opacity: 0.18 } },
  );
  return out;
}

export interface GraphEvents { pick: (id: string | null) => void; open: (id: string) => void; render: () => void }

export class Graph {
  readonly cy: cytoscape.Core;
  readonly curves = new Map<string, Curve>();
  private places = "";

  constructor(container: HTMLElement, palette: Palette, events: GraphEvents) {
    this.cy = cytoscape({ container, style: stylesheet(palette) as never, minZoom: 0.08, maxZoom: 3, boxSelectionEnabled: false, autoungrabify: true, autounselectify: true, pixelRatio: Math.min(2, devicePixelRatio) });
    this.cy.on("tap", (e) => { if (e.target === this.cy) events.pick(null); });
    this.cy.on("tap", "node", (e) => events.pick((e.target as cytoscape.NodeSingular).id()));
    this.cy.on("dbltap", "node", (e) => events.open((e.target as cytoscape.NodeSingular).id()));
    this.cy.on("mouseover", "node", () => { container.style.cursor = "pointer"; });
    this.cy.on("mouseout", "node", () => { container.style.cursor = ""; });
    this.cy.on("render", events.render);
  }

  themed(palette: Palette): void {
    this.cy.style(stylesheet(palette) as never);
  }

  /** The drawing equal to these tables; what did not change is not touched. */
  sync(nodes: Table, edges: Table, before: { nodes: Table; edges: Table } | null, folded: boolean): void {
    this.cy.batch(() => {
      if (before) this.remove(nodes, edges, before);
      const added = this.nodes(nodes, before?.nodes ?? {});
      const fresh = this.edges(nodes, edges, before?.edges ?? {}, folded, added);
      if (before && fresh.length <= FADING && !motionReduced()) fade(fresh);
    });
  }

  select(id: string | null): void {
    this.cy.batch(() => {
      this.cy.edges().removeClass("dim");
      if (!id || this.cy.edges().length < CROWD) return;
      const node = this.cy.getElementById(id);
      if (node.nonempty()) this.cy.edges().difference(node.connectedEdges()).addClass("dim");
    });
  }

  fit(padding = 64): void {
    if (this.cy.nodes().empty()) return;
    this.cy.fit(undefined, padding);
    const most = 1.2;
    if (this.cy.zoom() > most) { this.cy.zoom(most); this.cy.center(); }
  }

  zoomBy(factor: number): void {
    this.cy.zoom({ level: this.cy.zoom() * factor, renderedPosition: { x: this.cy.width() / 2, y: this.cy.height() / 2 } });
  }

  /** The node in the middle, or that many pixels above it. */
  centre(id: string, lift = 0): void {
    const node = this.cy.getElementById(id);
    if (node.empty()) return;
    this.cy.center(node);
    if (lift) this.cy.panBy({ x: 0, y: -lift });
  }

  private remove(nodes: Table, edges: Table, before: { nodes: Table; edges: Table }): void {
    for (const id of Object.keys(before.edges)) if (!(id in edges)) { this.cy.getElementById(id).remove(); this.curves.delete(id); }
    for (const id of Object.keys(before.nodes)) if (!(id in nodes)) this.cy.getElementById(id).remove();
  }

  private nodes(nodes: Table, before: Table): boolean {
    const add: cytoscape.ElementDefinition[] = [];
    for (const [id, row] of Object.entries(nodes)) {
      const node = row as unknown as MapNode, size = sizeOf(node.kind);
      if (!(id in before)) add.push({ group: "nodes", data: { id, w: size.w, h: size.h }, position: { x: node.x, y: node.y } });
      else if (before[id] !== row) this.cy.getElementById(id).position({ x: node.x, y: node.y });
    }
    this.cy.add(add);
    return add.length > 0;
  }

  private edges(nodes: Table, edges: Table, before: Table, folded: boolean, moved: boolean): cytoscape.CollectionReturnValue {
    const drawn = Object.entries(edges).filter(([, row]) => String(row["source"]) in nodes && String(row["target"]) in nodes) as unknown as [string, MapEdge][];
    const places = drawn.length > LARGE ? null : sides(drawn, nodes);
    const crowd = drawn.filter(([, e]) => e.relation === "reads" && look(e.verdict).danger >= 3).length > MOST_LOUD;
    const key = JSON.stringify([crowd, ...(places?.values() ?? [])]), again = moved || key !== this.places;
    this.places = key;
    const add: cytoscape.ElementDefinition[] = [];
    for (const [id, edge] of drawn) {
      const known = id in before && this.curves.has(id), row = edges[id];
      if (known && before[id] === row && !again) continue;
      const classes = classesOf(edge, folded, crowd);
      if (known && !again) { this.cy.getElementById(id).classes(classes); continue; }
      const data = this.route(id, edge, nodes, places?.get(id) ?? [0, 0]);
      if (known) this.cy.getElementById(id).data(data).classes(classes);
      else add.push({ group: "edges", data: { ...data, id, source: edge.source, target: edge.target }, classes });
    }
    return this.cy.add(add);
  }

  private route(id: string, edge: MapEdge, nodes: Table, [leave, arrive]: [number, number]): Record<string, unknown> {
    const a = nodes[edge.source] as unknown as MapNode, b = nodes[edge.target] as unknown as MapNode;
    const from = sizeOf(a.kind), to = sizeOf(b.kind), c = curve(a, from, b, to, leave, arrive);
    this.curves.set(id, c);
    const bends = [bend(c, c.c1), bend(c, c.c2)];
    return {
      distances: bends.map((x) => x.distance), weights: bends.map((x) => x.weight),
      leave: `${c.start.x - a.x} ${c.start.y - a.y}`, arrive: `${c.end.x - b.x} ${c.end.y - b.y}`,
    };
  }
}

/** From nothing to what their looks say. */
function fade(edges: cytoscape.CollectionReturnValue): void {
  edges.forEach((edge) => {
    const full = Number(edge.style("opacity"));
    edge.style("opacity", 0);
    edge.animate({ style: { opacity: full } }, { duration: 320, complete: () => { edge.removeStyle("opacity"); } });
  });
}

/** Edges of a node leave and arrive beside each other, in the order of the other ends. */
function sides(drawn: [string, MapEdge][], nodes: Table): Map<string, [number, number]> {
  const out = new Map<string, [number, number]>(drawn.map(([id]) => [id, [0, 0]]));
  for (const [end, other, slot] of [["source", "target", 0], ["target", "source", 1]] as const) {
    const by = new Map<string, [string, MapEdge][]>();
    for (const each of drawn) by.set(each[1][end], [...(by.get(each[1][end]) ?? []), each]);
    for (const [id, edges] of by) {
      const y = (e: MapEdge): number => Number(nodes[e[other]]!["y"]);
      edges.sort((a, b) => y(a[1]) - y(b[1]) || (a[0] < b[0] ? -1 : 1));
      const offsets = ports(edges.length, sizeOf(String(nodes[id]!["kind"])).h);
      edges.forEach(([edge], i) => { out.get(edge)![slot] = offsets[i]!; });
    }
  }
  return out;
}
