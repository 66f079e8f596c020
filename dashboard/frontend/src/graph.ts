// The ground of the map: its edges, what is under the pointer, and where the reader looks.
// A row of nodes or edges may carry `change` (added, removed, changed; see types.ts): it is then drawn as that.
import { Camera, type Bounds } from "./camera.ts";
import { draw, isLoud, penOf, strokeOf, type Stroke } from "./edges.ts";
import { Fades } from "./fades.ts";
import { curve, isCard, ports, sizeOf, type Curve, type Point } from "./geometry.ts";
import { Gestures } from "./gestures.ts";
import type { Palette } from "./palette.ts";
import { densest } from "./sight.ts";
import type { MapEdge, MapNode, Table } from "./types.ts";

/** Above this many edges they start in the middle of a side, not beside each other. */
const LARGE = 450;
/** Few edges can be told apart without fading the others. */
const CROWD = 60;
/** Where more than this are in trouble, a halo around each hides them all. */
const MOST_LOUD = 24;
const TWICE = 320;

export interface GraphEvents { pick: (id: string | null) => void; open: (id: string) => void; render: () => void; moved: () => void }

export class Graph {
  readonly camera = new Camera();
  readonly curves = new Map<string, Curve>();
  private g: CanvasRenderingContext2D;
  private canvas = document.createElement("canvas");
  private strokes = new Map<string, Stroke>();
  private order: [string, Stroke][] = [];
  private nodes: MapNode[] = [];
  private byId = new Map<string, MapNode>();
  private ends = new Map<string, [string, string]>();
  private places = "";
  private chosen: string | null = null;
  private asked = 0;
  private last: { id: string | null; at: number } = { id: null, at: 0 };
  private fades = new Fades(() => this.render());
  private leaving = new Map<string, Stroke>();

  constructor(private container: HTMLElement, private palette: Palette, private events: GraphEvents) {
    this.canvas.className = "over";
    container.append(this.canvas);
    this.g = this.canvas.getContext("2d")!;
    new Gestures(container, this.camera, {
      moved: () => { events.moved(); this.render(); },
      tap: (at) => this.tap(at),
      hover: (at) => { container.style.cursor = this.under(at) ? "pointer" : ""; },
    });
  }

  themed(palette: Palette, nodes: Table, edges: Table, folded: boolean): void {
    this.palette = palette;
    this.strokes.clear();
    this.sync(nodes, edges, { nodes, edges }, folded);
  }

  resize(width: number, height: number): void {
    const ratio = Math.min(2, devicePixelRatio);
    Object.assign(this.camera, { width, height });
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
    this.render();
  }

  /** The drawing equal to these tables; what did not change is not touched. */
  sync(nodes: Table, edges: Table, before: { nodes: Table; edges: Table } | null, folded: boolean): void {
    this.nodes = Object.values(nodes) as unknown as MapNode[];
    this.byId = new Map(this.nodes.map((n) => [n.id, n]));
    this.fades.set(before?.edges ?? {}, edges);
    this.leaving = new Map(this.fades.ghosts().flatMap(([id]) => { const s = this.strokes.get(id) ?? this.leaving.get(id); return s ? [[id, s]] : []; }));
    for (const id of [...this.strokes.keys(), ...this.curves.keys()]) if (!(id in edges)) { this.strokes.delete(id); this.curves.delete(id); }
    this.edges(nodes, edges, before, folded);
    this.render();
  }

  select(id: string | null): void { this.chosen = id && this.byId.has(id) && this.strokes.size >= CROWD ? id : null; this.render(); }

  fit(padding = 64, only?: (n: MapNode) => boolean, above = padding): void {
    const shown = only ? this.nodes.filter(only) : this.nodes;
    if (!shown.length) return;
    const out: Bounds = { x1: Infinity, y1: Infinity, x2: -Infinity, y2: -Infinity };
    for (const n of shown) {
      const { w, h } = sizeOf(n.kind), below = isCard(n.kind) ? 0 : 26;
      out.x1 = Math.min(out.x1, n.x - w / 2); out.x2 = Math.max(out.x2, n.x + w / 2);
      out.y1 = Math.min(out.y1, n.y - h / 2); out.y2 = Math.max(out.y2, n.y + h / 2 + below);
    }
    this.camera.fit(out, padding, above);
    this.render();
  }

  /** As much of it as can be read at this zoom: where most stands, and what asks for somebody counts threefold. */
  fitPart(zoom: number, padding: number, trouble: (id: string) => boolean): void {
    // A phone that lies on its side has no height to give away.
    const { width, height } = this.camera, above = Math.min(padding, height * 0.08), room = (px: number): number => Math.max(1, px) / zoom;
    const widest = Math.max(0, ...this.nodes.map((n) => sizeOf(n.kind).w)), highest = Math.max(0, ...this.nodes.map((n) => sizeOf(n.kind).h)) + 26;
    const part = densest(this.nodes.map((n) => ({ x: n.x, y: n.y, weight: trouble(n.id) ? 3 : 1 })), room(width - padding * 2) - widest, room(height - above * 2) - highest);
    if (part) this.fit(padding, (n) => n.x >= part.x1 && n.x <= part.x2 && n.y >= part.y1 && n.y <= part.y2, above);
  }

  /** How many nodes stand on the screen. */
  inSight(): number {
    const { camera } = this, a = camera.world({ x: 0, y: 0 }), b = camera.world({ x: camera.width, y: camera.height });
    return this.nodes.filter((n) => n.x >= a.x && n.x <= b.x && n.y >= a.y && n.y <= b.y).length;
  }

  zoomBy(factor: number): void { this.camera.zoomTo(this.camera.zoom * factor); this.render(); }

  /** The node in the middle, or that many pixels above it. */
  centre(id: string, lift = 0): void {
    const node = this.byId.get(id);
    if (!node) return;
    this.camera.centre(node);
    this.camera.panBy(0, -lift);
    this.render();
  }

  /** Draws everything once before the next frame of the screen. */
  render(): void {
    this.asked ||= requestAnimationFrame(() => { this.asked = 0; this.draw(); this.events.render(); });
  }

  private tap(at: Point): void {
    const id = this.under(at), now = performance.now(), again = id !== null && id === this.last.id && now - this.last.at < TWICE;
    this.last = { id, at: now };
    this.container.focus({ preventScroll: true });
    if (again) this.events.open(id);
    else this.events.pick(id);
  }

  /** The node there, its name included; fingers are allowed some px more. */
  private under(at: Point): string | null {
    const p = this.camera.world(at), more = 6 / this.camera.zoom;
    let found: string | null = null;
    for (const n of this.nodes) {
      const { w, h } = sizeOf(n.kind), below = isCard(n.kind) ? 0 : 16;
      if (Math.abs(p.x - n.x) <= w / 2 + more && p.y >= n.y - h / 2 - more && p.y <= n.y + h / 2 + below + more) found = n.id;
    }
    return found;
  }

  private edges(nodes: Table, edges: Table, before: { nodes: Table; edges: Table } | null, folded: boolean): void {
    const drawn = Object.entries(edges).filter(([, row]) => String(row["source"]) in nodes && String(row["target"]) in nodes) as unknown as [string, MapEdge][];
    const sides = drawn.length > LARGE ? null : sidesOf(drawn, nodes);
    const crowd = drawn.filter(([, e]) => isLoud(e)).length > MOST_LOUD;
    const key = JSON.stringify([crowd, folded, this.nodes.map((n) => [n.x, n.y]), ...(sides?.values() ?? [])]), again = key !== this.places;
    this.places = key;
    for (const [id, edge] of drawn) {
      if (!again && this.strokes.has(id) && before?.edges[id] === edges[id]) continue;
      if (again || !this.curves.has(id)) this.curves.set(id, this.route(edge, sides?.get(id) ?? [0, 0]));
      this.strokes.set(id, strokeOf(this.curves.get(id)!, penOf(edge, this.palette, folded, crowd)));
      this.ends.set(id, [edge.source, edge.target]);
    }
    this.order = [...this.strokes].sort((a, b) => a[1].pen.order - b[1].pen.order);
  }

  private route(edge: MapEdge, [leave, arrive]: [number, number]): Curve {
    const a = this.byId.get(edge.source)!, b = this.byId.get(edge.target)!;
    return curve(a, sizeOf(a.kind), b, sizeOf(b.kind), leave, arrive);
  }

  private draw(): void {
    const { g, canvas, camera } = this, ratio = Math.min(2, devicePixelRatio), { zoom } = camera;
    g.setTransform(1, 0, 0, 1, 0, 0);
    g.globalAlpha = 1;
    g.clearRect(0, 0, canvas.width, canvas.height);
    g.setTransform(zoom * ratio, 0, 0, zoom * ratio, camera.x * ratio, camera.y * ratio);
    const from = camera.world({ x: 0, y: 0 }), to = camera.world({ x: camera.width, y: camera.height }), thin = 0.8 / zoom;
    const put = (s: Stroke, alpha: number): void => {
      const [x1, y1, x2, y2] = s.box;
      if (x2 >= from.x && y2 >= from.y && x1 <= to.x && y1 <= to.y) draw(g, s, alpha, thin, this.palette.canvas);
    };
    for (const [id, alpha] of this.fades.ghosts()) { const s = this.leaving.get(id); if (s) put(s, alpha); }
    for (const [id, s] of this.order) put(s, this.fades.alpha(id) * (this.chosen && !this.ends.get(id)?.includes(this.chosen) ? 0.18 : 1));
  }
}

/** Edges of a node leave and arrive beside each other, in the order of the other ends. */
function sidesOf(drawn: [string, MapEdge][], nodes: Table): Map<string, [number, number]> {
  const out = new Map<string, [number, number]>(drawn.map(([id]) => [id, [0, 0]]));
  for (const [end, other, slot] of [["source", "target", 0], ["target", "source", 1]] as const) {
    const by = new Map<string, [string, MapEdge][]>();
    for (const each of drawn) { const known = by.get(each[1][end]); if (known) known.push(each); else by.set(each[1][end], [each]); }
    for (const [id, edges] of by) {
      const y = (e: MapEdge): number => Number(nodes[e[other]]!["y"]);
      edges.sort((a, b) => y(a[1]) - y(b[1]) || (a[0] < b[0] ? -1 : 1));
      const offsets = ports(edges.length, sizeOf(String(nodes[id]!["kind"])).h);
      edges.forEach(([edge], i) => { out.get(edge)![slot] = offsets[i]!; });
    }
  }
  return out;
}
