// Pointers, wheel and keys on the tape's line: seek, pan, zoom, select a range.
import { moved, partOf, rung, length, timeAt, zoomed, type Span } from "./span.ts";

export interface Scrubbed {
  span: () => Span;
  limits: () => [number, number];
  setSpan: (span: Span) => void;
  seek: (to: number) => void;
  hover: (time: number | null) => void;
  range: (from: number, to: number, done: boolean) => void;
}

const FAR = 4;

export class Scrub {
  /** A drag selects a range instead of moving the playhead: the button, or shift held. */
  selecting = false;
  private pointers = new Map<number, number>();
  private from: number | null = null;
  private startX = 0;
  private pinch: { span: Span; apart: number } | null = null;

  constructor(private line: HTMLElement, private to: Scrubbed) {
    line.addEventListener("pointerdown", (event) => this.down(event));
    line.addEventListener("pointermove", (event) => this.move(event));
    line.addEventListener("pointerup", (event) => this.up(event));
    line.addEventListener("pointercancel", (event) => this.drop(event.pointerId));
    line.addEventListener("pointerleave", () => { if (!this.pointers.size) to.hover(null); });
    line.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
  }

  /** Whether a drag is under way. */
  get busy(): boolean { return this.pointers.size > 0; }

  zoom(way: 1 | -1, pivot: number): void {
    const span = this.to.span();
    this.to.setSpan(zoomed(span, rung(span, way) / length(span), pivot, ...this.to.limits()));
  }

  private part(x: number): number {
    const box = this.line.getBoundingClientRect();
    return Math.min(1, Math.max(0, (x - box.left) / Math.max(1, box.width)));
  }

  private time(x: number): number { return timeAt(this.to.span(), this.part(x)); }

  private down(event: PointerEvent): void {
    if (event.button !== 0 || (event.target as Element).closest("button")) return;
    this.line.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, event.clientX);
    if (this.pointers.size === 2) {
      const [a, b] = [...this.pointers.values()] as [number, number];
      this.pinch = { span: this.to.span(), apart: Math.max(20, Math.abs(a - b)) };
      return;
    }
    this.startX = event.clientX;
    this.from = this.selecting || event.shiftKey ? this.time(event.clientX) : null;
    if (this.from === null) this.to.seek(this.time(event.clientX));
  }

  private move(event: PointerEvent): void {
    const x = event.clientX;
    if (!this.pointers.has(event.pointerId)) { this.to.hover(this.time(x)); return; }
    this.pointers.set(event.pointerId, x);
    if (this.pinch) return this.pinched(this.pinch);
    this.to.hover(this.time(x));
    if (this.from === null) this.to.seek(this.time(x));
    else if (Math.abs(x - this.startX) > FAR) this.to.range(Math.min(this.from, this.time(x)), Math.max(this.from, this.time(x)), false);
  }

  private pinched(pinch: { span: Span; apart: number }): void {
    const [a, b] = [...this.pointers.values()] as [number, number];
    const pivot = timeAt(pinch.span, this.part((a + b) / 2));
    this.to.setSpan(zoomed(pinch.span, pinch.apart / Math.max(20, Math.abs(a - b)), pivot, ...this.to.limits()));
  }

  private up(event: PointerEvent): void {
    const from = this.from, to = this.time(event.clientX), far = Math.abs(event.clientX - this.startX) > FAR;
    this.drop(event.pointerId);
    if (from === null || this.pinch) return;
    if (far) this.to.range(Math.min(from, to), Math.max(from, to), true);
    else this.to.seek(to);
  }

  private drop(pointer: number): void {
    this.pointers.delete(pointer);
    this.from = null;
    if (!this.pointers.size) this.pinch = null;
  }

  private wheel(event: WheelEvent): void {
    event.preventDefault();
    const span = this.to.span(), limits = this.to.limits();
    const sideways = event.shiftKey ? event.deltaY || event.deltaX : event.deltaX;
    if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) this.to.setSpan(moved(span, (sideways / 1000) * length(span), ...limits));
    else this.to.setSpan(zoomed(span, Math.exp(Math.max(-1, Math.min(1, event.deltaY / 400))), timeAt(span, this.part(event.clientX)), ...limits));
  }
}

/** Whether a time stands in the span, with a little room. */
export const visible = (span: Span, time: number): boolean => { const part = partOf(span, time); return part >= 0 && part <= 1.001; };
