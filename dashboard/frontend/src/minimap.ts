// The whole map, small, with the part that is on the screen: only where the screen does not hold it all.
import { h } from "./dom.ts";
import { sizeOf } from "./geometry.ts";
import type { Graph } from "./graph.ts";
import type { Palette } from "./palette.ts";
import type { MapNode, Table } from "./types.ts";
import { inTrouble, look } from "./verdict.ts";

const WIDTH = 144, HEIGHT = 84, EDGE = 6;

export class MiniMap {
  readonly el = h("canvas", { class: "mini", hidden: true, "aria-hidden": "true" });
  private ground = h("canvas");
  private scale = 1;
  private left = 0;
  private top = 0;
  private wide = 0;
  private high = 0;

  constructor(private graph: Graph, private palette: Palette, moved: () => void) {
    const ratio = Math.min(2, devicePixelRatio);
    for (const canvas of [this.el, this.ground]) { canvas.width = WIDTH * ratio; canvas.height = HEIGHT * ratio; canvas.getContext("2d")!.scale(ratio, ratio); }
    const go = (e: PointerEvent): void => {
      const box = this.el.getBoundingClientRect();
      graph.camera.centre({ x: (e.clientX - box.left - EDGE) / this.scale + this.left, y: (e.clientY - box.top - EDGE) / this.scale + this.top });
      moved();
      graph.render();
    };
    this.el.addEventListener("pointerdown", (e) => { this.el.setPointerCapture(e.pointerId); go(e); });
    this.el.addEventListener("pointermove", (e) => { if (e.buttons) go(e); });
  }

  set(nodes: Table, palette: Palette): void {
    const all = Object.values(nodes) as unknown as MapNode[], xs = all.map((n) => n.x), ys = all.map((n) => n.y), g = this.ground.getContext("2d")!;
    this.palette = palette;
    this.left = Math.min(...xs) - 60; this.top = Math.min(...ys) - 30;
    this.wide = Math.max(...xs) + 60 - this.left; this.high = Math.max(...ys) + 50 - this.top;
    this.scale = Math.min((WIDTH - EDGE * 2) / this.wide, (HEIGHT - EDGE * 2) / this.high);
    g.clearRect(0, 0, WIDTH, HEIGHT);
    for (const n of all) {
      const { w, h: tall } = sizeOf(n.kind), half = Math.max(1.5, (w * this.scale) / 2), quarter = Math.max(1, (tall * this.scale) / 2);
      g.fillStyle = inTrouble(n.verdict) ? palette.verdict[look(n.verdict).css]!.line : palette.border2;
      g.fillRect((n.x - this.left) * this.scale + EDGE - half, (n.y - this.top) * this.scale + EDGE - quarter, half * 2, quarter * 2);
    }
  }

  draw(): void {
    const { camera } = this.graph, a = camera.world({ x: 0, y: 0 }), b = camera.world({ x: camera.width, y: camera.height });
    const all = a.x <= this.left + 50 && a.y <= this.top + 20 && b.x >= this.left + this.wide - 50 && b.y >= this.top + this.high - 40;
    this.el.hidden = all || camera.width < 700 || camera.height < 260 || this.wide <= 0;
    if (this.el.hidden) return;
    const g = this.el.getContext("2d")!, clamp = (v: number, most: number): number => Math.max(1, Math.min(most - 1, v));
    g.clearRect(0, 0, WIDTH, HEIGHT);
    g.drawImage(this.ground, 0, 0, WIDTH, HEIGHT);
    const x1 = clamp((a.x - this.left) * this.scale + EDGE, WIDTH), y1 = clamp((a.y - this.top) * this.scale + EDGE, HEIGHT);
    const x2 = clamp((b.x - this.left) * this.scale + EDGE, WIDTH), y2 = clamp((b.y - this.top) * this.scale + EDGE, HEIGHT);
    g.strokeStyle = this.palette.accent;
    g.lineWidth = 1.25;
    g.strokeRect(x1, y1, x2 - x1, y2 - y1);
  }
}
