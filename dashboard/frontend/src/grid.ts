// One table for every list: columns with a way to show, to sort and to be read aloud; only rows in sight exist.
import { h, icon } from "./dom.ts";
import { VirtualList } from "./virtual.ts";

export interface Column<T> {
  id: string;
  head: string;
  /** Width as CSS grid takes it. */
  width: string;
  right?: boolean;
  /** Not on a phone. */
  wide?: boolean;
  cell: (item: T) => Node | string;
  /** What is sorted by; numbers descend first, words ascend. Unknown goes last. */
  by?: (item: T) => number | string | null;
}

export interface GridOptions<T> {
  label: string;
  columns: Column<T>[];
  key: (item: T) => string;
  sort: { id: string; down: boolean };
  onSort?: (id: string, down: boolean) => void;
  onPick?: (item: T) => void;
  rowClass?: (item: T) => string;
  scroller?: HTMLElement;
}

export function compare(a: number | string | null, b: number | string | null, down: boolean): number {
  if (a === b) return 0;
  if (a === null) return 1;
  if (b === null) return -1;
  const order = typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), "en", { numeric: true });
  return down ? -order : order;
}

export class Grid<T> {
  readonly el: HTMLElement;
  readonly list: VirtualList<T>;
  private head = h("div", { class: "ghead", role: "row" });
  private body = h("div", { class: "gbody", role: "rowgroup" });
  private items: T[] = [];
  private sort: { id: string; down: boolean };

  constructor(private options: GridOptions<T>) {
    this.sort = options.sort;
    this.el = h("div", { class: "grid", role: "table", "aria-label": options.label }, h("div", { role: "rowgroup", class: "gtop" }, this.head), this.body);
    const scroller = options.scroller ?? this.el;
    this.list = new VirtualList<T>({ scroller, body: this.body, key: options.key, rowHeight: () => rowHeight(this.el), row: (item) => this.row(item) });
    this.el.style.setProperty("--cols", options.columns.map((c) => c.width).join(" "));
    this.el.style.setProperty("--cols-m", options.columns.filter((c) => !c.wide).map((c) => c.width).join(" "));
    this.drawHead();
  }

  set(items: T[]): void {
    const by = this.options.columns.find((c) => c.id === this.sort.id)?.by;
    this.items = by ? sorted(items, by, this.sort.down, this.options.key) : items;
    this.el.setAttribute("aria-rowcount", String(this.items.length + 1));
    this.list.set(this.items);
  }

  private drawHead(): void {
    this.head.replaceChildren(...this.options.columns.map((c) => {
      const on = c.id === this.sort.id, cls = `gh${c.right ? " r" : ""}${c.wide ? " wide-only" : ""}${on ? " sorted" : ""}`;
      const inside = c.by ? h("button", { type: "button", click: () => this.sortBy(c) }, c.head, on ? icon("sort", this.sort.down ? "i" : "i up") : null) : c.head;
      return h("div", { class: cls, role: "columnheader", "aria-sort": on ? (this.sort.down ? "descending" : "ascending") : null }, inside);
    }));
  }

  private sortBy(c: Column<T>): void {
    const sample = this.items.map((i) => c.by!(i)).find((v) => v !== null);
    this.sort = { id: c.id, down: this.sort.id === c.id ? !this.sort.down : typeof sample === "number" };
    this.options.onSort?.(this.sort.id, this.sort.down);
    this.drawHead();
    this.set(this.items);
  }

  private row(item: T): HTMLElement {
    const { columns, onPick, rowClass } = this.options;
    const cells = columns.map((c) => h("div", { class: `gc${c.right ? " r num" : ""}${c.wide ? " wide-only" : ""}`, role: "cell" }, c.cell(item)));
    const el = h("div", { class: `grow ${rowClass?.(item) ?? ""}`, role: "row" }, ...cells);
    if (onPick) el.addEventListener("click", (event) => { if (!(event.target as Element).closest("a, button")) onPick(item); });
    return el;
  }
}

function rowHeight(el: HTMLElement): number {
  return Number.parseFloat(getComputedStyle(el).getPropertyValue("--row")) || 40;
}

export function sorted<T>(items: T[], by: (item: T) => number | string | null, down: boolean, key: (item: T) => string): T[] {
  const keyed = items.map((item) => ({ item, value: by(item), key: key(item) }));
  keyed.sort((a, b) => compare(a.value, b.value, down) || (a.key < b.key ? -1 : 1));
  return keyed.map((each) => each.item);
}

/** A field that filters as one types. */
export function filterField(label: string, value: string, onInput: (words: string) => void): HTMLElement {
  const input = h("input", { class: "inp", type: "search", "aria-label": label, placeholder: label, value, autocomplete: "off", spellcheck: "false" });
  input.addEventListener("input", () => onInput(input.value.trim()));
  return h("label", { class: "fin" }, icon("filter", "i s"), input);
}

