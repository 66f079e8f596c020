// The overlay with shapes, names, signs and labels. It follows each drawing of the graph under it.
import { duration, rate, short } from "./format.ts";
import { driftOf } from "./drift.ts";
import { Fades } from "./fades.ts";
import { isCard, pointAt, sizeOf } from "./geometry.ts";
import type { Graph } from "./graph.ts";
import type { Palette } from "./palette.ts";
import { badgeSprite, bellSprite, cardSprite, labelOf, labelSprite, pillSprite, ringSprite, shapeSprite, type Label as Words, type Sprite } from "./sprites.ts";
import type { MapEdge, MapNode, Outline, Table } from "./types.ts";
import { inTrouble, look } from "./verdict.ts";

interface Box { x: number; y: number; w: number; h: number }
interface Label { id: string; edge: MapEdge; text: string; css: string; icon: string; danger: number }

/** Where a label may stand: along the edge, and a little above or below it. */
const PLACES: [number, number][] = [[0.5, 0], [0.5, -24], [0.6, 0], [0.4, 0], [0.5, 24], [0.7, 0], [0.3, 0], [0.35, -26], [0.65, 26], [0.35, 26], [0.65, -26], [0.5, -44], [0.5, 44]];

/** Both lines where there is room, else the name alone, else its beginning. */
const SAYINGS = ["both", "name", "short"] as const;
type Said = (typeof SAYINGS)[number];

/** More labels than this say nothing: the signs at the readers remain. */
const MOST_LABELS = 24;

/** A coarse grid of taken places. */
class Taken {
  private cells = new Map<string, Box[]>();
  private static size = 80;

  private *keys(b: Box): Generator<string> {
    const s = Taken.size;
    for (let x = Math.floor(b.x / s); x <= Math.floor((b.x + b.w) / s); x += 1) for (let y = Math.floor(b.y / s); y <= Math.floor((b.y + b.h) / s); y += 1) yield `${x},${y}`;
  }

  free(b: Box): boolean {
    for (const key of this.keys(b)) for (const o of this.cells.get(key) ?? []) if (b.x < o.x + o.w && o.x < b.x + b.w && b.y < o.y + o.h && o.y < b.y + b.h) return false;
    return true;
  }

  take(b: Box): void {
    for (const key of this.keys(b)) { const cell = this.cells.get(key); if (cell) cell.push(b); else this.cells.set(key, [b]); }
  }
}

const troubleText = (e: MapEdge): string => {
  const parts = [e.lag === null ? null : short(e.lag), e.time_lag === null ? null : duration(e.time_lag)].filter(Boolean);
  return parts.length ? parts.join(" · ") : look(e.verdict).word;
};

function driftLabel(id: string, edge: MapEdge): Label {
  const { css, icon, word } = driftOf(edge.drift)!;
  return { id, edge, text: word, css, icon, danger: 0 };
}

export class Marks {
  private g: CanvasRenderingContext2D;
  private measure = document.createElement("canvas").getContext("2d")!;
  private sprites = new Map<string, Sprite>();
  private texts = new Map<string, Words>();
  private nodes: MapNode[] = [];
  private labels: Label[] = [];
  private worst = new Map<string, string>();
  private shown = new Map<string, Said>();
  private pillAt = new Map<string, [number, number]>();
  private firing = new Set<string>();
  private plannedFor = "";
  private fades = new Fades(() => this.draw());
  private before: Table = {};
  /** The boundary of the box that is open. */
  outline: Outline | null = null;
  selected: string | null = null;
  /** What is only declared, only permitted or not declared says so at its edge. */
  drifts = false;

  constructor(private canvas: HTMLCanvasElement, private graph: Graph, private palette: Palette) { this.g = canvas.getContext("2d")!; }

  themed(palette: Palette): void {
    this.palette = palette;
    this.sprites.clear();
    this.draw();
  }

  set(nodes: Table, edges: Table): void {
    this.fades.set(this.before, nodes);
    this.before = nodes;
    this.nodes = Object.values(nodes) as unknown as MapNode[];
    const all = Object.entries(edges) as unknown as [string, MapEdge][];
    const loud = all.filter(([id, e]) => e.relation === "reads" && inTrouble(e.verdict) && this.graph.curves.has(id));
    loud.sort((a, b) => look(b[1].verdict).danger - look(a[1].verdict).danger || (b[1].lag ?? 0) - (a[1].lag ?? 0) || (a[0] < b[0] ? -1 : 1));
    const drifts = this.drifts ? all.filter(([id, e]) => e.drift && this.graph.curves.has(id)).map(([id, edge]) => driftLabel(id, edge)) : [];
    const troubles = loud.map(([id, edge]) => ({ id, edge, text: troubleText(edge), css: look(edge.verdict).css, icon: look(edge.verdict).css, danger: look(edge.verdict).danger }));
    this.labels = [...drifts, ...troubles.filter((t) => !drifts.some((d) => d.id === t.id))].slice(0, this.drifts ? 3 * MOST_LABELS : MOST_LABELS);
    this.worst.clear();
    for (const [, edge] of loud.reverse()) this.worst.set(edge.target, edge.verdict!);
    this.plannedFor = "";
    if (this.sprites.size > 4000) this.sprites.clear();
    if (this.texts.size > 4000) this.texts.clear();
    this.draw();
  }

  /** Ids of what an alert fires about. */
  setFiring(ids: Set<string>): void {
    if (ids.size === this.firing.size && [...ids].every((id) => this.firing.has(id))) return;
    this.firing = ids;
    this.draw();
  }

  /** Whether it reads something that asks for somebody. */
  inTrouble(id: string): boolean { return this.worst.has(id); }

  resize(w: number, h: number): void {
    const ratio = Math.min(2, devicePixelRatio);
    this.canvas.width = Math.round(w * ratio);
    this.canvas.height = Math.round(h * ratio);
    this.draw();
  }

  draw(): void {
    const { g, canvas } = this, { zoom, ...pan } = this.graph.camera, ratio = Math.min(2, devicePixelRatio);
    g.setTransform(1, 0, 0, 1, 0, 0);
    g.clearRect(0, 0, canvas.width, canvas.height);
    g.setTransform(ratio, 0, 0, ratio, 0, 0);
    const w = canvas.width / ratio, h = canvas.height / ratio, text = Math.min(1.5, Math.max(0.85, zoom));
    this.plan(zoom, text, ratio);
    if (this.outline) this.boundary(this.outline, zoom, pan);
    const put = (node: MapNode, alpha: number): void => {
      const x = node.x * zoom + pan.x, y = node.y * zoom + pan.y;
      if (x > -120 && y > -80 && x < w + 120 && y < h + 80) this.node(node, x, y, zoom, text, ratio, alpha);
    };
    for (const [, alpha, row] of this.fades.ghosts()) put(row as unknown as MapNode, alpha);
    for (const node of this.nodes) put(node, this.fades.alpha(node.id));
    for (const label of this.labels) {
      const place = this.pillAt.get(label.id);
      if (!place) continue;
      const at = pointAt(this.graph.curves.get(label.id)!, place[0]);
      this.copy(this.pill(label, text, ratio), at.x * zoom + pan.x, at.y * zoom + pan.y + place[1], text, true);
    }
  }

  /** Which names and labels stand without lying on each other: asked again when the zoom or the tables change, not while panning. */
  private plan(zoom: number, text: number, ratio: number): void {
    const key = `${zoom.toFixed(3)}|${this.selected}`;
    if (key === this.plannedFor) return;
    this.plannedFor = key;
    const taken = new Taken();
    for (const n of this.nodes) { const { w, h } = sizeOf(n.kind); taken.take({ x: (n.x - w / 2) * zoom, y: (n.y - h / 2) * zoom, w: w * zoom, h: h * zoom }); }
    this.shown.clear();
    this.planNames(taken, zoom, text);
    this.planPills(taken, zoom, text, ratio);
  }

  private planNames(taken: Taken, zoom: number, text: number): void {
    if (zoom < 0.2) return;
    const order = [...this.nodes].sort((a, b) => this.rank(b) - this.rank(a));
    for (const n of order) {
      if (isCard(n.kind)) continue;
      for (const said of zoom >= 0.5 ? SAYINGS : SAYINGS.slice(1)) {
        const box = this.under(n, zoom, this.wordsOf(n, said), text);
        if (n.id !== this.selected && !taken.free(box)) continue;
        this.shown.set(n.id, said);
        taken.take(box);
        break;
      }
    }
  }

  private planPills(taken: Taken, zoom: number, text: number, ratio: number): void {
    this.pillAt.clear();
    for (const label of zoom < 0.18 ? [] : this.labels) {
      const { id } = label, c = this.graph.curves.get(id)!, sprite = this.pill(label, text, ratio);
      const boxAt = (t: number, dy: number): Box => { const at = pointAt(c, t); return { x: at.x * zoom - (sprite.w * text) / 2, y: at.y * zoom + dy - 10 * text, w: sprite.w * text, h: 20 * text }; };
      const found = PLACES.find(([t, dy]) => taken.free(boxAt(t, dy))) ?? (label.danger >= 6 ? PLACES[1]! : null);
      if (!found) continue;
      taken.take(boxAt(...found));
      this.pillAt.set(id, found);
    }
  }

  private rank(n: MapNode): number {
    return (n.id === this.selected ? 100 : 0) + (this.worst.has(n.id) ? 20 : 0) + (n.kind === "topic" ? 0 : 2) + (n.stale ? -1 : 0);
  }

  private under(n: MapNode, zoom: number, sprite: { w: number; h: number }, text: number): Box {
    return { x: n.x * zoom - (sprite.w * text) / 2, y: (n.y + sizeOf(n.kind).h / 2) * zoom + 1, w: sprite.w * text, h: sprite.h * text };
  }

  private boundary(o: Outline, zoom: number, pan: { x: number; y: number }): void {
    const { g, palette: p } = this, x = o.x * zoom + pan.x, y = o.y * zoom + pan.y;
    g.strokeStyle = p.border3;
    g.lineWidth = 1.25;
    g.beginPath();
    g.roundRect(x, y, o.w * zoom, o.h * zoom, 10);
    g.stroke();
    g.font = `600 12.5px ${p.font}`;
    const wide = g.measureText(o.name).width;
    g.fillStyle = p.canvas;
    g.fillRect(x + 12, y - 8, wide + 12, 16);
    g.fillStyle = p.text1;
    g.fillText(o.name, x + 18, y + 4);
    g.font = `400 11px ${p.font}`;
    g.fillStyle = p.text3;
    if (g.measureText(o.words).width < o.w * zoom - 36) g.fillText(o.words, x + 18, y + 22);
  }

  private node(n: MapNode, x: number, y: number, zoom: number, text: number, ratio: number, alpha: number): void {
    const selected = n.id === this.selected, { g } = this;
    g.globalAlpha = (n.stale || n.change === "removed" ? this.palette.stale : 1) * alpha;
    this.copy(this.shape(n, selected, zoom, ratio), x, y, zoom, true);
    g.globalAlpha = alpha;
    if (n.change) { const { kind, change } = n, s = bucketed(zoom * ratio); this.copy(this.kept(`r|${kind}|${change}|${s}`, () => ringSprite(kind, change, this.palette, s)), x, y, zoom, true); }
    this.words(n, x, y, zoom, text, ratio);
    g.globalAlpha = 1;
  }

  private words(n: MapNode, x: number, y: number, zoom: number, text: number, ratio: number): void {
    const worst = this.worst.get(n.id), { w, h } = sizeOf(n.kind);
    if (worst && !isCard(n.kind) && zoom > 0.35) {
      const s = Math.min(1, Math.max(0.8, zoom));
      this.copy(this.kept(`b|${worst}|${bucketed(s * ratio)}`, () => badgeSprite(worst, this.palette, bucketed(s * ratio))), x + (w / 2 - 2) * zoom, y - (h / 2 - 2) * zoom, s, true);
    }
    if (this.firing.has(n.id) && zoom > 0.2) {
      const s = Math.min(1, Math.max(0.8, zoom));
      this.copy(this.kept(`bell|${bucketed(s * ratio)}`, () => bellSprite(this.palette, bucketed(s * ratio))), x - (w / 2 - 2) * zoom, y - (h / 2 - 2) * zoom, s, true);
    }
    const said = this.shown.get(n.id);
    if (said === undefined) return;
    const sprite = this.label(n, text, ratio, said);
    this.copy(sprite, x - (sprite.w * text) / 2, y + (h / 2) * zoom + 1, text, false);
  }

  private copy(sprite: Sprite, x: number, y: number, scale: number, centred: boolean): void {
    const w = sprite.w * scale, h = sprite.h * scale;
    this.g.drawImage(sprite.canvas, Math.round(centred ? x - w / 2 : x), Math.round(centred ? y - h / 2 : y), w, h);
  }

  private kept(key: string, make: () => Sprite): Sprite {
    let sprite = this.sprites.get(key);
    if (!sprite) { sprite = make(); this.sprites.set(key, sprite); }
    return sprite;
  }

  private shape(n: MapNode, selected: boolean, zoom: number, ratio: number): Sprite {
    const scale = bucketed(zoom * ratio);
    if (!isCard(n.kind)) return this.kept(`s|${n.kind}|${selected}|${scale}`, () => shapeSprite(n.kind, selected, this.palette, scale));
    return this.kept(`t|${n.id}|${n.name}|${n.verdict}|${n.rate}|${n.sub}|${n.badge}|${selected}|${scale}`, () => cardSprite(n, selected, this.palette, scale));
  }

  private wordsOf(node: MapNode, said: Said): Words {
    const key = wordsKey(node, said);
    let words = this.texts.get(key);
    if (!words) { words = labelOf(node, said === "both", said === "short" ? 60 : 170, this.palette, this.measure); this.texts.set(key, words); }
    return words;
  }

  private label(node: MapNode, text: number, ratio: number, said: Said): Sprite {
    const scale = bucketed(text * ratio);
    return this.kept(`l|${wordsKey(node, said)}|${scale}`, () => labelSprite(this.wordsOf(node, said), node, this.palette, scale));
  }

  private pill({ text: words, css, icon }: Label, text: number, ratio: number): Sprite {
    const scale = bucketed(text * ratio);
    return this.kept(`p|${words}|${css}|${icon}|${scale}`, () => pillSprite(words, css, icon, this.palette, scale, this.measure));
  }
}

function wordsKey(n: MapNode, said: Said): string {
  return `${n.id}|${n.name}|${n.stale}|${said}|${said === "both" ? `${n.sub}|${n.team}|${n.badge}|${n.kind === "topic" && n.rate !== null ? rate(n.rate) : ""}` : ""}`;
}

/** Few scales, so that a zoom gesture copies instead of drawing anew each time. */
function bucketed(scale: number): number {
  return scale <= 0.5 ? 0.5 : Math.min(4, Math.ceil(scale * 4) / 4);
}
