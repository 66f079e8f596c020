// Where the reader looks: px of the screen are px of the map times the zoom, plus the pan.
import type { Point } from "./geometry.ts";

const LEAST = 0.08, MOST = 3, AT_REST = 1.2;

export interface Bounds { x1: number; y1: number; x2: number; y2: number }

export class Camera {
  zoom = 1;
  x = 0;
  y = 0;
  width = 0;
  height = 0;

  panBy(dx: number, dy: number): void { this.x += dx; this.y += dy; }

  /** Zoom to a level; what is at that place of the screen stays there. */
  zoomTo(level: number, at: Point = { x: this.width / 2, y: this.height / 2 }): void {
    const next = Math.min(MOST, Math.max(LEAST, level)), factor = next / this.zoom;
    this.x = at.x - (at.x - this.x) * factor;
    this.y = at.y - (at.y - this.y) * factor;
    this.zoom = next;
  }

  /** All of it in sight, with some px around, and never larger than it reads well. */
  fit({ x1, y1, x2, y2 }: Bounds, padding: number, above = padding): void {
    const room = (whole: number, length: number): number => Math.max(1, whole) / Math.max(1, length);
    this.zoom = Math.max(LEAST, Math.min(AT_REST, room(this.width - padding * 2, x2 - x1), room(this.height - above * 2, y2 - y1)));
    this.x = (this.width - (x1 + x2) * this.zoom) / 2;
    this.y = (this.height - (y1 + y2) * this.zoom) / 2;
  }

  centre(p: Point): void { this.x = this.width / 2 - p.x * this.zoom; this.y = this.height / 2 - p.y * this.zoom; }

  /** On the screen. */
  shown(p: Point): Point { return { x: p.x * this.zoom + this.x, y: p.y * this.zoom + this.y }; }

  /** On the map. */
  world(p: Point): Point { return { x: (p.x - this.x) / this.zoom, y: (p.y - this.y) / this.zoom }; }
}
