// What appeared, vanished or changed, newest first, by moment; what flaps and what came at once opens.
import type { Context, View } from "./context.ts";
import { debounce, h, icon, setText } from "./dom.ts";
import { clock, count, day, many, millis, stamp } from "./format.ts";
import { filterField } from "./grid.ts";
import { kindOf, nameOf, pageOf } from "./ids.ts";
import { place } from "./names.ts";
import { emptyNote, teamTag } from "./parts.ts";
import type { State, Verdict } from "./types.ts";
import { look } from "./verdict.ts";
import { VirtualList } from "./virtual.ts";

interface Item { id: number; at: string; sentence: string; why: string }
interface Row {
  key: string; id: number; at: string; happened: string | null; learned: string | null; kind: string; what: string; subject: string; cluster: string; team: string | null;
  sentence: string; why: string; verdict: Verdict | null; things: string[]; count: number; fold: string; since: string | null; items: Item[];
}
interface Line { row: Row; first: boolean; newDay: boolean; open: boolean; here: boolean }

const KINDS: Record<string, [string, string]> = {
  appeared: ["plus", "appeared"], vanished: ["minus", "vanished"], changed: ["again", "changed"], verdict: ["lag", "verdict"],
  owner: ["teams", "owner"], config: ["doc", "config"], members: ["user", "members"],
};
const RANGES: [string, string][] = [["-15m", "Last 15 minutes"], ["", "Last hour"], ["-6h", "Last 6 hours"], ["-1d", "Last day"], ["-7d", "Last week"]];
const WHATS: Record<string, string> = { lag: "lag verdicts", reads: "reads", writes: "writes", calls: "calls", writer: "unknown writers" };
const ITEM = 24, MOST_OPEN = 12, PAD = 14;

class ChangesView implements View {
  private said = h("p", { class: "num" });
  private bar = h("div", { class: "chbar" });
  private tallies = h("div", { class: "tallies", role: "group", "aria-label": "Kinds of change" });
  private body = h("div", { class: "chbody", role: "rowgroup" });
  private sheet: HTMLElement;
  private list: VirtualList<Line>;
  private lines = new Map<string, Line>();
  private opened = new Set<string>();
  private empty: HTMLElement | null = null;
  private drawn = "";

  constructor(private root: HTMLElement, private ctx: Context) {
    root.className = "page chpage";
    const filter = filterField("Words of a change", ctx.params["q"] ?? "", debounce(150, (words: string) => { ctx.setParams({ q: words }, true); }));
    this.sheet = h("div", { class: "sheet" }, h("div", { class: "chlist", role: "table", "aria-label": "Changes, newest first" }, this.body));
    root.append(h("div", { class: "title" }, h("h1", {}, "Changes"), this.said, h("span", { class: "push" }), this.bar, filter), this.tallies, this.sheet);
    this.list = new VirtualList<Line>({
      scroller: root, body: this.body, key: (l) => l.row.key, row: (l) => this.line(l),
      rowHeight: () => Number.parseFloat(getComputedStyle(root).getPropertyValue("--ch-row")) || 52,
      extra: (l) => (l.open ? Math.min(l.row.items.length, MOST_OPEN) * ITEM + PAD : 0),
    });
  }

  update(state: State): void {
    const rows = Object.values(state.tables["lines"] ?? {}) as unknown as Row[];
    rows.sort((a, b) => (a.at < b.at ? 1 : a.at > b.at ? -1 : b.id - a.id));
    this.arrange(rows);
    this.drawBar(state);
    this.explain(rows.length, state);
    const all = Number(state.meta["shown"] ?? 0), more = Number(state.meta["more"] ?? 0);
    setText(this.said, `${many(all, "change")}${rows.length < all ? ` in ${many(rows.length, "line")}` : ""}, newest first${more ? `; ${count(more)} older ones are not shown` : ""}`);
    this.root.dataset["rows"] = String(rows.length);
  }

  /** The line of the playhead stands elsewhere, or there is none. */
  placed(): void { this.arrange([...this.lines.values()].map((l) => l.row)); }

  /** Clocks again: the zone may have changed. */
  tick(): void {
    const zone = clock(0);
    if (this.root.dataset["zone"] && this.root.dataset["zone"] !== zone) { this.drawn = ""; this.list.redraw(); const state = this.ctx.state(); if (state) this.drawBar(state); }
    this.root.dataset["zone"] = zone;
  }

  private arrange(rows: Row[]): void {
    const next = new Map<string, Line>(), at = this.ctx.live() ? null : millis(this.ctx.state()?.at);
    let before: Row | null = null, placed = at === null;
    for (const row of rows) {
      const first = before?.at !== row.at, newDay = !before || day(millis(before.at) ?? 0) !== day(millis(row.at) ?? 0), open = this.opened.has(row.key);
      // The playhead stands above the first line that it can already see.
      const here = !placed && (millis(row.at) ?? 0) <= at!;
      placed ||= here;
      const old = this.lines.get(row.key), same = old && old.row === row && old.first === first && old.newDay === newDay && old.open === open && old.here === here;
      next.set(row.key, same ? old : { row, first, newDay, open, here });
      before = row;
    }
    this.lines = next;
    this.list.set([...next.values()]);
  }

  private drawBar(state: State): void {
    const { params } = this.ctx, meta = state.meta, key = JSON.stringify([params, meta["from"], meta["to"], meta["counts"], meta["teams"], meta["whats"]]);
    if (key === this.drawn) return;
    this.drawn = key;
    const held = this.bar.contains(document.activeElement) || this.tallies.contains(document.activeElement) ? (document.activeElement as HTMLElement).dataset["name"] : null;
    this.bar.replaceChildren(this.range(state),
      this.pick("team", "Team", [["", "Every team"], ...((meta["teams"] ?? []) as string[]).map((t): [string, string] => [t, t])]),
      this.pick("what", "Kind of thing", [["", "Every thing"], ...((meta["whats"] ?? []) as string[]).map((w): [string, string] => [w, WHATS[w] ?? `${w}s`])]),
      h("a", { class: "ctl", href: this.mapOf(String(meta["from"] ?? ""), String(meta["to"] ?? state.at)), "data-name": "map" }, icon("map", "i s"), "Show on the map"));
    const counts = (meta["counts"] ?? {}) as Record<string, number>, chosen = new Set((params["kind"] ?? "").split(",").filter(Boolean));
    const subject = params["subject"] ? [h("button", { type: "button", class: "tally", "aria-pressed": "true", click: () => this.ctx.setParams({ subject: null }, true) }, icon("close"), nameOf(params["subject"]))] : [];
    this.tallies.replaceChildren(...subject, ...Object.keys(KINDS).filter((k) => counts[k] || chosen.has(k)).map((k) => h("button", { type: "button", class: `tally k-${k}`, "data-name": k, "aria-pressed": String(chosen.has(k)), click: () => this.choose(k) }, icon(KINDS[k]![0]), h("b", { class: "num" }, count(counts[k] ?? 0)), KINDS[k]![1])));
    if (held) this.root.querySelector<HTMLElement>(`[data-name="${held}"]`)?.focus();
  }

  private range(state: State): HTMLElement {
    const { params } = this.ctx, from = millis(String(state.meta["from"] ?? "")), to = millis(state.meta["to"] as string | null);
    const fixed = to !== null || (params["from"] && !RANGES.some(([value]) => value === params["from"]));
    const options = RANGES.map(([value, label]) => h("option", { value, selected: !fixed && (params["from"] ?? "") === value }, label));
    if (fixed && from !== null) options.unshift(h("option", { value: "fixed", selected: true }, `${clock(from)} to ${to === null ? "now" : clock(to)}`));
    const select = h("select", { class: "ctl", "aria-label": "From when to when", "data-name": "range" }, ...options);
    select.addEventListener("change", () => { if (select.value !== "fixed") this.ctx.setParams({ from: select.value || null, to: null }, true); });
    return select;
  }

  private pick(name: string, label: string, options: [string, string][]): HTMLElement {
    const now = this.ctx.params[name] ?? "", known = options.some(([value]) => value === now) ? options : [...options, [now, now] as [string, string]];
    const select = h("select", { class: "ctl", "aria-label": label, "data-name": name }, ...known.map(([value, words]) => h("option", { value, selected: value === now }, words)));
    select.addEventListener("change", () => this.ctx.setParams({ [name]: select.value || null }, true));
    return select;
  }

  private choose(kind: string): void {
    const chosen = new Set((this.ctx.params["kind"] ?? "").split(",").filter(Boolean));
    if (chosen.has(kind)) chosen.delete(kind); else chosen.add(kind);
    this.ctx.setParams({ kind: [...chosen].join(",") }, true);
  }

  private explain(n: number, state: State): void {
    this.empty?.remove();
    this.empty = null;
    this.sheet.hidden = n === 0;
    if (n) return;
    const filtered = ["kind", "what", "q", "cluster", "team", "subject"].some((p) => this.ctx.params[p]), from = millis(String(state.meta["from"] ?? ""));
    this.empty = filtered ? emptyNote("filter", "No change passes these filters", "Take one away, or choose a longer stretch of time.", { href: "/changes", text: "Show every change" })
      : emptyNote("changes", "Nothing changed", `Since ${from === null ? "then" : stamp(from)} nothing appeared, vanished or changed. Choose a longer stretch of time.`, { href: "/changes?from=-7d", text: "Show the last week" });
    this.root.append(this.empty);
  }

  private line({ row, first, newDay, open, here }: Line): HTMLElement {
    const [name, word] = KINDS[row.kind] ?? ["again", row.kind], css = row.verdict ? look(row.verdict).css : `k-${row.kind}`, at = millis(row.at) ?? 0;
    const cell = (cls: string, ...inside: (Node | string | null)[]): HTMLElement => h("div", { class: cls, role: "cell" }, ...inside);
    const time = first ? h("a", { class: "num", href: this.windOf(row.at), click: (event) => this.wind(event as MouseEvent, row.at), title: `Wind back to ${stamp(at)}` }, clock(at), newDay ? h("small", {}, day(at).replace(/(\w{3})\w*$/, "$1")) : null) : null;
    const meta = [row.why ? h("span", { class: "ell", title: row.why }, row.fold === "crowd" ? row.why : upper(row.why)) : null, row.happened ? h("span", { class: "flag v-unknown" }, `happened ${clock(millis(row.happened) ?? 0)}, seen later`) : null, row.learned ? h("span", { class: "flag v-unknown" }, `known since ${clock(millis(row.learned) ?? 0)}`) : null];
    const opener = row.items.length ? h("button", { type: "button", class: "chevb", "aria-expanded": String(open), "aria-label": `${open ? "Close" : "Open"} ${many(row.count, "change")}`, click: () => this.toggle(row.key) }, icon("right", "i chev")) : null;
    const map = h("a", { class: "ctl bare onmap", href: this.mapOf(new Date((millis(row.since) ?? at) - 1).toISOString(), row.at), title: "Show this on the map" }, icon("map", "i s"), h("span", { class: "sr" }, "Show on the map"));
    const line = h("div", { class: "chrow", role: "row" }, cell("ch-t", time), cell(`ch-k ${css}`, icon(row.verdict ? css : name), h("span", { class: "sr" }, word)),
      cell("ch-s", h("div", { class: "sen", title: row.sentence }, ...linked(row.sentence, row.things)), h("div", { class: "why" }, ...meta)),
      cell("ch-n", row.count > 1 ? h("span", { class: "times num" }, row.fold === "flap" ? `${count(row.count)}×` : count(row.count)) : null), cell("ch-o", row.team ? teamTag(row.team, true) : null), cell("ch-a", map, opener));
    if (opener) line.addEventListener("click", (event) => { if (!(event.target as Element).closest("a, button")) this.toggle(row.key); });
    return h("div", { class: `chl${first ? " mom" : ""}${open ? " open" : ""}${here ? " here" : ""}${opener ? " folds" : ""}`, role: "presentation" }, line, open ? this.items(row) : null);
  }

  private items(row: Row): HTMLElement {
    const items = row.items.map((i) => h("li", {}, h("a", { class: "num", href: this.windOf(i.at), click: (event) => this.wind(event as MouseEvent, i.at) }, clock(millis(i.at) ?? 0)), h("span", { class: "ell", title: i.why ? `${i.sentence}: ${i.why}` : i.sentence }, row.what === "lag" ? i.sentence : upper(i.sentence), i.why ? h("small", {}, `: ${i.why}`) : null)));
    const box = h("ul", { class: "chitems", tabindex: "0", "aria-label": `${row.sentence}, each` }, ...items);
    box.style.height = `${Math.min(row.items.length, MOST_OPEN) * ITEM + 4}px`;
    return box;
  }

  private toggle(key: string): void {
    if (this.opened.has(key)) this.opened.delete(key); else this.opened.add(key);
    this.arrange([...this.lines.values()].map((l) => l.row));
    this.list.element(key)?.querySelector<HTMLElement>(".chevb")?.focus({ preventScroll: true });
  }

  /** The stretch that the list shows, as it stands now. */
  private stretch(): Record<string, string> {
    const state = this.ctx.state();
    return state ? { from: String(state.meta["from"] ?? ""), to: String(state.meta["to"] ?? state.at) } : {};
  }

  /** Winds in place; another tab or window opens by the link. */
  private wind(event: MouseEvent, at: string): void {
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    this.ctx.seek(millis(at) ?? 0, this.stretch());
  }

  /** This page at that moment; the list keeps its stretch, so that one finds back. */
  private windOf(at: string): string {
    const query = new URLSearchParams({ ...this.ctx.params, ...this.stretch() });
    query.delete("id");
    query.set("at", at);
    return `/changes?${query}`;
  }

  private mapOf(from: string, to: string): string {
    const query = new URLSearchParams({ from, to }), cluster = this.ctx.params["cluster"];
    if (cluster) query.set("cluster", cluster);
    return `/map?${query}`;
  }
}

const upper = (text: string): string => `${text[0]?.toUpperCase() ?? ""}${text.slice(1)}`;

/** The sentence with the names of what it speaks of as links to their pages. */
export function linked(sentence: string, things: string[]): (Node | string)[] {
  // A name keeps its letters: only a word of ours begins with a capital.
  const named = things.some((id) => place(sentence, nameOf(id), kindOf(id)) === 0);
  let parts: (Node | string)[] = [named ? sentence : upper(sentence)];
  for (const id of things) {
    const name = nameOf(id), href = pageOf(id);
    if (!href || !name) continue;
    let done = false;
    parts = parts.flatMap((part) => {
      if (done || typeof part !== "string") return [part];
      const at = place(part, name, kindOf(id));
      if (at < 0) return [part];
      done = true;
      return [part.slice(0, at), h("a", { class: "nm", href }, part.slice(at, at + name.length)), part.slice(at + name.length)];
    });
  }
  return parts;
}

export function makeChanges(root: HTMLElement, ctx: Context): View { return new ChangesView(root, ctx); }
