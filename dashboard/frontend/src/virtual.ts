import { h } from "./dom.ts";

export interface VirtualOptions<T> {
  /** Where it scrolls. */
  scroller: HTMLElement;
  /** Where its rows stand. */
  body: HTMLElement;
  key: (item: T) => string;
  rowHeight: () => number;
  row: (item: T, index: number) => HTMLElement;
  /** Pixels that a row needs beside its own height: an opened one. */
  extra?: (item: T) => number;
}

interface Shown<T> { item: T; el: HTMLElement; index: number }

const AHEAD = 8;

/** A long list of which only the rows in sight exist. */
export class VirtualList<T> {
  private items: readonly T[] = [];
  private offsets = new Float64Array(1);
  private shown = new Map<string, Shown<T>>();
  private frame = 0;
  private spacer = h("div", { class: "spacer", role: "presentation" });

  constructor(private options: VirtualOptions<T>) {
    options.body.append(this.spacer);
    options.scroller.addEventListener("scroll", () => this.later(), { passive: true });
    new ResizeObserver(() => this.measure()).observe(options.scroller);
  }

  get length(): number { return this.items.length; }

  set(items: readonly T[]): void {
    this.items = items;
    this.measure();
  }

  /** Heights again (an opened row, another width), then the rows. */
  measure(): void {
    const { rowHeight, extra } = this.options;
    const height = rowHeight();
    this.offsets = new Float64Array(this.items.length + 1);
    this.items.forEach((item, i) => { this.offsets[i + 1] = this.offsets[i]! + height + (extra?.(item) ?? 0); });
    this.spacer.style.height = `${this.offsets[this.items.length]}px`;
    this.draw();
  }

  /** Every row in sight anew: the words changed, not the data. */
  redraw(): void {
    this.shown.forEach(({ el }) => el.remove());
    this.shown.clear();
    this.draw();
  }

  visible(): T[] { return [...this.shown.values()].sort((a, b) => a.index - b.index).map((s) => s.item); }

  element(key: string): HTMLElement | null { return this.shown.get(key)?.el ?? null; }

  scrollTo(index: number): void {
    const { scroller } = this.options;
    const top = this.offsets[index] ?? 0, bottom = this.offsets[index + 1] ?? top;
    const from = scroller.scrollTop - this.top();
    if (top < from) scroller.scrollTop = top + this.top();
    else if (bottom > from + scroller.clientHeight) scroller.scrollTop = bottom + this.top() - scroller.clientHeight;
    this.draw();
  }

  private later(): void {
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => { this.frame = 0; this.draw(); });
  }

  private top(): number {
    const { body, scroller } = this.options;
    return body.getBoundingClientRect().top - scroller.getBoundingClientRect().top + scroller.scrollTop;
  }

  private find(y: number): number {
    let low = 0, high = this.items.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.offsets[middle + 1]! <= y) low = middle + 1; else high = middle;
    }
    return low;
  }

  private draw(): void {
    const { scroller, key } = this.options;
    const from = scroller.scrollTop - this.top();
    const first = Math.max(0, this.find(Math.max(0, from)) - AHEAD);
    const last = Math.min(this.items.length, this.find(Math.max(0, from + scroller.clientHeight)) + 1 + AHEAD);
    const wanted = new Set<string>();
    for (let i = first; i < last; i += 1) wanted.add(key(this.items[i]!));
    this.shown.forEach(({ el }, k) => { if (!wanted.has(k)) { el.remove(); this.shown.delete(k); } });
    for (let i = first; i < last; i += 1) this.place(this.items[i]!, i);
  }

  private place(item: T, index: number): void {
    const { key, row, body } = this.options;
    const k = key(item);
    let shown = this.shown.get(k);
    if (!shown || shown.item !== item) {
      const el = row(item, index);
      el.classList.add("vrow");
      const focused = shown?.el.contains(document.activeElement);
      if (shown) shown.el.replaceWith(el); else body.append(el);
      if (focused) el.focus({ preventScroll: true });
      shown = { item, el, index };
      this.shown.set(k, shown);
    }
    shown.index = index;
    shown.el.style.transform = `translateY(${this.offsets[index]}px)`;
    shown.el.setAttribute("aria-rowindex", String(index + 2));
  }
}
