// Events along the edges: as many as the rate says, at an even pace; they pile up before a slow reader.
import { walk, type Curve } from "./geometry.ts";
import type { Graph } from "./graph.ts";
import type { Palette } from "./palette.ts";
import { beadSprite, type Sprite } from "./sprites.ts";
import { motionReduced } from "./theme.ts";
import type { MapEdge, Table } from "./types.ts";
import { inTrouble, look } from "./verdict.ts";

interface Stream { points: Float32Array; steps: number; number: number; turn: number; css: string; slow: boolean; box: Box }
type Box = [number, number, number, number];
interface Walk { points: Float32Array; length: number; box: Box }

const MOST = 900, PACE = 46, STEPS = 32;

export class Particles {
  private g: CanvasRenderingContext2D;
  private streams: Stream[] = [];
  private beads = new Map<string, Sprite>();
  private walks = new WeakMap<Curve, Walk>();
  private running = 0;
  private last = 0;
  private time = 0;

  constructor(private canvas: HTMLCanvasElement, private graph: Graph, private palette: Palette) {
    this.g = canvas.getContext("2d")!;
    document.addEventListener("visibilitychange", () => this.start());
  }

  themed(palette: Palette): void { this.palette = palette; this.beads.clear(); this.start(); }

  resize(w: number, h: number): void {
    const ratio = Math.min(2, devicePixelRatio);
    this.canvas.width = Math.round(w * ratio);
    this.canvas.height = Math.round(h * ratio);
    this.start();
  }

  set(edges: Table): void {
    const all = (Object.entries(edges) as unknown as [string, MapEdge][]).filter(([id, e]) => (e.rate ?? 0) > 0 && !e.stale && this.graph.curves.has(id));
    const wanted = all.map(([, e]) => 1 + 2.4 * Math.log10(1 + e.rate!)), sum = wanted.reduce((a, b) => a + b, 0);
    const share = Math.min(1, MOST / Math.max(1, sum));
    this.streams = all.map(([id, e], i) => this.stream(id, e, wanted[i]! * share));
    this.start();
  }

  private stream(id: string, edge: MapEdge, wanted: number): Stream {
    const { points, length, box } = this.walked(this.graph.curves.get(id)!);
    const number = Math.max(1, Math.round(Math.min(wanted, length / 9)));
    const css = edge.relation === "reads" ? look(edge.verdict).css : "flow";
    const slow = edge.relation === "reads" && inTrouble(edge.verdict);
    return { points, steps: STEPS, number, turn: length / PACE, css, slow, box };
  }

  /** A curve is walked once: numbers change more often than places. */
  private walked(c: Curve): Walk {
    const known = this.walks.get(c);
    if (known) return known;
    const { points, length } = walk(c, STEPS), box: Box = [Infinity, Infinity, -Infinity, -Infinity];
    for (let i = 0; i < points.length; i += 2) {
      box[0] = Math.min(box[0], points[i]!); box[1] = Math.min(box[1], points[i + 1]!);
      box[2] = Math.max(box[2], points[i]!); box[3] = Math.max(box[3], points[i + 1]!);
    }
    const made = { points, length, box };
    this.walks.set(c, made);
    return made;
  }

  get moving(): boolean { return this.running !== 0; }

  start(): void {
    if (this.running) cancelAnimationFrame(this.running);
    this.running = 0;
    this.last = performance.now();
    if (!motionReduced() && !document.hidden && this.streams.length) this.running = requestAnimationFrame((t) => this.step(t));
    else this.draw();
  }

  private step(now: number): void {
    this.time += Math.min(100, now - this.last) / 1000;
    this.last = now;
    this.draw();
    this.running = requestAnimationFrame((t) => this.step(t));
  }

  private bead(css: string, scale: number): Sprite {
    let sprite = this.beads.get(css);
    if (!sprite) { sprite = beadSprite(this.palette.verdict[css]?.line ?? this.palette.flow, this.palette, scale); this.beads.set(css, sprite); }
    return sprite;
  }

  draw(): void {
    const { g, canvas } = this, { zoom, ...pan } = this.graph.camera, ratio = Math.min(2, devicePixelRatio);
    g.setTransform(1, 0, 0, 1, 0, 0);
    g.clearRect(0, 0, canvas.width, canvas.height);
    if (zoom < 0.12) return;
    const w = canvas.width / ratio, h = canvas.height / ratio, size = Math.max(3, Math.min(7, 6 * zoom));
    g.setTransform(ratio, 0, 0, ratio, 0, 0);
    for (const s of this.streams) {
      const [x1, y1, x2, y2] = s.box;
      if (x2 * zoom + pan.x < 0 || y2 * zoom + pan.y < 0 || x1 * zoom + pan.x > w || y1 * zoom + pan.y > h) continue;
      this.flow(s, zoom, pan, size, this.bead(s.css, 2 * ratio).canvas);
    }
  }

  private flow(s: Stream, zoom: number, pan: { x: number; y: number }, size: number, bead: HTMLCanvasElement): void {
    const phase = this.time / s.turn;
    for (let i = 0; i < s.number; i += 1) {
      let u = (i / s.number + phase) % 1;
      if (s.slow) u = 1 - (1 - u) * (1 - u);
      const at = u * s.steps, j = Math.min(s.steps - 1, at | 0), f = at - j, p = s.points;
      const x = p[j * 2]! + (p[j * 2 + 2]! - p[j * 2]!) * f, y = p[j * 2 + 1]! + (p[j * 2 + 3]! - p[j * 2 + 1]!) * f;
      this.g.drawImage(bead, x * zoom + pan.x - size / 2, y * zoom + pan.y - size / 2, size, size);
    }
  }
}
