// Drag, pinch, wheel and press on the ground of the map, by mouse, pen or fingers.
import type { Camera } from "./camera.ts";
import type { Point } from "./geometry.ts";

export interface GestureEvents { moved: () => void; tap: (at: Point) => void; hover: (at: Point) => void }

/** A finger trembles by this many px without meaning a drag. */
const TREMBLE = 5;

export class Gestures {
  private down = new Map<number, Point>();
  private start: Point | null = null;

  constructor(private el: HTMLElement, private camera: Camera, private events: GestureEvents) {
    el.addEventListener("pointerdown", (e) => this.press(e));
    el.addEventListener("pointermove", (e) => this.move(e));
    for (const name of ["pointerup", "pointercancel"] as const) el.addEventListener(name, (e) => this.lift(e));
    el.addEventListener("wheel", (e) => this.wheel(e), { passive: false });
  }

  private at(e: MouseEvent): Point {
    const box = this.el.getBoundingClientRect();
    return { x: e.clientX - box.left, y: e.clientY - box.top };
  }

  private press(e: PointerEvent): void {
    if (e.button !== 0) return;
    this.el.setPointerCapture(e.pointerId);
    this.down.set(e.pointerId, this.at(e));
    this.start = this.down.size === 1 ? this.at(e) : null;
  }

  private move(e: PointerEvent): void {
    const before = this.down.get(e.pointerId), now = this.at(e);
    if (!before) return this.events.hover(now);
    if (this.start && Math.hypot(now.x - this.start.x, now.y - this.start.y) < TREMBLE) return;
    this.start = null;
    const other = [...this.down].find(([id]) => id !== e.pointerId)?.[1];
    if (other) this.pinch(before, now, other);
    else this.camera.panBy(now.x - before.x, now.y - before.y);
    this.down.set(e.pointerId, now);
    this.events.moved();
  }

  /** One finger moves, the other holds: what was under both stays under both. */
  private pinch(before: Point, now: Point, other: Point): void {
    const apart = (p: Point): number => Math.max(12, Math.hypot(p.x - other.x, p.y - other.y));
    this.camera.panBy((now.x - before.x) / 2, (now.y - before.y) / 2);
    this.camera.zoomTo(this.camera.zoom * (apart(now) / apart(before)), { x: (now.x + other.x) / 2, y: (now.y + other.y) / 2 });
  }

  private lift(e: PointerEvent): void {
    const tapped = this.down.has(e.pointerId) && this.start && e.type === "pointerup" ? this.start : null;
    this.down.delete(e.pointerId);
    this.start = null;
    if (tapped) this.events.tap(tapped);
  }

  private wheel(e: WheelEvent): void {
    e.preventDefault();
    const lines = e.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 : 1;
    this.camera.zoomTo(this.camera.zoom * Math.exp(-Math.max(-240, Math.min(240, e.deltaY * lines)) * (e.ctrlKey ? 0.008 : 0.0018)), this.at(e));
    this.events.moved();
  }
}
