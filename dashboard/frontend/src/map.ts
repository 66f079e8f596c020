import { firingRows, placesOf } from "./firing.ts";
import type { Context, View } from "./context.ts";
import { h, icon, s, setText } from "./dom.ts";
import { Graph } from "./graph.ts";
import { kindOf, pageOf } from "./ids.ts";
import { MapBar, type Mode } from "./mapbar.ts";
import { MapTable } from "./maptable.ts";
import { Marks } from "./marks.ts";
import { readPalette } from "./palette.ts";
import { Panel } from "./panel.ts";
import { MiniMap } from "./minimap.ts";
import { Particles } from "./particles.ts";
import { emptyNote } from "./parts.ts";
import { MapTree } from "./tree.ts";
import type { Outline, State, Table } from "./types.ts";
import { look } from "./verdict.ts";

/** Names stand beside each other from here on. */
const READABLE = 0.5;
/** Below this even a desk shows a part. */
const LEAST = 0.34;
/** Names are wider than what they stand under, px. */
const NAMES = 44;
const NARROW = 900;
const LEGEND = ["ok", "catching_up", "falling_behind", "stalled", "stopped", "rewound", "will_lose_data", "unknown"] as const;

class MapView implements View {
  private bar: MapBar;
  private pic = h("div", { class: "pic" });
  private alt = h("div", { class: "alt scroll", hidden: true });
  private graph: Graph;
  private marks: Marks;
  private particles: Particles;
  private mini: MiniMap;
  private panel: Panel;
  private tree: MapTree;
  private table: MapTable;
  private empty: HTMLElement | null = null;
  private before: { nodes: Table; edges: Table } | null = null;
  private selected: string | null;
  private palette = readPalette();
  private fitted = "";
  /** The reader moved the picture: from then on it stays where it was put. */
  private moved = false;
  /** Of a map that is too large to be read whole a part is shown, unless the reader asked for all. */
  private whole = false;
  private partial = false;
  private settled = 0;
  private sight = h("div", { class: "sight", hidden: true }, h("span", { class: "num" }), h("button", { type: "button", click: () => this.all() }, "Show all"));

  constructor(private root: HTMLElement, private ctx: Context) {
    root.className = "view";
    this.selected = ctx.params["select"] ?? ctx.params["focus"] ?? null;
    this.bar = new MapBar(ctx, { mode: (mode) => this.show(mode), png: () => this.png() });
    const ground = h("div", { class: "ground", tabindex: "0", role: "application", "aria-label": "Map. Arrow keys go from node to node, Enter opens. Tree and Table say the same in words." });
    const beads = h("canvas", { class: "over", "aria-hidden": "true" }), over = h("canvas", { class: "over", "aria-hidden": "true" });
    this.pic.append(ground, beads, over, this.zoom(), this.sight);
    const stage = h("section", { class: "stage", "aria-label": "Map" }, this.bar.bar, this.bar.filters, this.pic, this.alt, legend());
    root.append(stage);
    const palette = this.palette;
    this.graph = new Graph(ground, palette, { pick: (id) => this.pick(id), open: (id) => this.open(id), render: () => { this.marks?.draw(); this.mini?.draw(); this.tellSight(); if (!this.particles?.moving) this.particles?.draw(); }, moved: () => { this.moved = true; } });
    this.marks = new Marks(over, this.graph, palette);
    this.particles = new Particles(beads, this.graph, palette);
    this.mini = new MiniMap(this.graph, palette, () => { this.moved = true; });
    this.pic.append(this.mini.el);
    this.panel = new Panel(root, ctx, { close: () => this.pick(null), pick: (id) => this.pick(id), open: (id) => this.open(id) });
    this.tree = new MapTree(this.alt, (id) => this.pick(id));
    this.table = new MapTable(this.alt, (id) => this.pick(id));
    ground.addEventListener("keydown", (event) => this.keys(event));
    new ResizeObserver(() => this.resize()).observe(this.pic);
    this.show(this.bar.mode);
  }

  update(state: State): void {
    const nodes = state.tables["nodes"] ?? {}, edges = state.tables["edges"] ?? {}, started = performance.now();
    this.bar.update(state);
    const same = this.before?.nodes === nodes && this.before?.edges === edges;
    if (!same) {
      this.graph.sync(nodes, edges, this.before, state.meta["folded"] === true);
      this.before = { nodes, edges };
      this.marks.selected = this.selected;
      this.marks.drifts = this.ctx.params["drift"] === "1";
      this.marks.outline = (state.meta["outline"] as Outline | null | undefined) ?? null;
      this.marks.set(nodes, edges);
      this.particles.set(edges);
      this.mini.set(nodes, this.palette);
      if (this.selected) this.graph.select(this.selected);
      this.alternates();
    }
    this.marks.setFiring(new Set(firingRows(state).flatMap((f) => placesOf(f, nodes))));
    this.panel.select(this.selected);
    this.root.classList.toggle("compares", [...Object.values(nodes), ...Object.values(edges)].some((row) => row["change"]));
    this.countDiffers(state);
    this.fit(nodes);
    this.explain(Object.keys(nodes).length);
    this.root.dataset["nodes"] = String(Object.keys(nodes).length);
    this.root.dataset["edges"] = String(Object.keys(edges).length);
    if (!this.root.dataset["painted"]) this.tellPainted();
    if (!same) this.root.dataset["updated"] = (performance.now() - started).toFixed(1);
  }

  /** The legend of a comparison says how many of each there are. */
  private countDiffers(state: State): void {
    const found = state.meta["difference"] as { nodes: Counts; edges: Counts } | undefined;
    this.root.querySelectorAll<HTMLElement>("[data-differs]").forEach((el) => {
      const word = el.dataset["differs"]!;
      setText(el, found ? String((found.nodes[word] ?? 0) + (found.edges[word] ?? 0)) : "");
    });
  }

  /** Milliseconds from the start of the page to its first picture, for whoever measures. */
  private tellPainted(): void {
    this.root.dataset["painted"] = "";
    requestAnimationFrame(() => requestAnimationFrame(() => { this.root.dataset["painted"] = performance.now().toFixed(0); }));
  }

  themed(): void {
    const palette = (this.palette = readPalette());
    if (this.before) this.graph.themed(palette, this.before.nodes, this.before.edges, this.ctx.state()?.meta["folded"] === true);
    this.marks.themed(palette);
    this.particles.themed(palette);
    if (this.before) this.mini.set(this.before.nodes, palette);
  }

  tick(): void { this.panel.tick(); }

  private fit(nodes: Table): void {
    const { cluster, open, focus, team, kind, q, fold } = this.ctx.params;
    const key = Object.keys(nodes).length ? JSON.stringify([cluster, open, focus, team, kind, q, fold]) : "";
    if (!key) return;
    if (key === this.fitted) return this.grown(Object.keys(nodes).length);
    this.fitted = key;
    this.whole = this.moved = false;
    this.resize();
    this.settle();
  }

  /** A picture that was whole stays whole as nodes come, and a part is chosen anew when much has come: until the reader moves or chooses. */
  private grown(n: number): void {
    if (this.moved || this.selected || n <= this.settled) return;
    if (this.partial ? n >= this.settled * 1.25 : this.graph.inSight() < n) this.settle();
  }

  /** All of it; where that is too small to be read, a part that can be: around what is chosen, else where most is. */
  private settle(): void {
    const narrow = innerWidth < NARROW;
    this.settled = Object.keys(this.before?.nodes ?? {}).length;
    this.graph.fit(narrow ? 20 : 64);
    this.partial = !this.whole && this.graph.camera.zoom < (narrow ? READABLE : LEAST);
    if (!this.partial) return;
    const chosen = this.selected && this.before?.nodes[this.selected] ? this.selected : null;
    if (!chosen) return this.graph.fitPart(READABLE, NAMES, (id) => this.marks.inTrouble(id));
    this.graph.camera.zoomTo(READABLE);
    this.graph.centre(chosen, narrow ? this.pic.clientHeight * 0.3 : 0);
  }

  private all(): void {
    this.moved = false;
    this.whole = true;
    this.settle();
  }

  /** Where a part is seen, it says of how much. */
  private tellSight(): void {
    const all = Object.keys(this.before?.nodes ?? {}).length, seen = this.graph.inSight();
    this.sight.hidden = seen >= all;
    setText(this.sight.firstElementChild, `${seen} of ${all} in sight`);
    Object.assign(this.root.dataset, { sight: String(seen), zoom: this.graph.camera.zoom.toFixed(2) });
  }

  private explain(n: number): void {
    this.empty?.remove();
    this.empty = null;
    if (n) return;
    const filtered = ["team", "kind", "verdict", "q", "focus", "cluster"].some((p) => this.ctx.params[p]);
    this.empty = filtered
      ? emptyNote("filter", "Nothing passes these filters", "Take one away, or show everything.", { href: "/map", text: "Show everything" })
      : emptyNote("map", "Nothing is drawn yet", "The first sample of a cluster takes a few seconds. Collectors says what was asked, what answered, and which right is missing.", { href: "/collectors", text: "See the collectors" });
    this.pic.append(this.empty);
  }

  private pick(id: string | null): void {
    if (id !== null && this.box(id)) return this.open(id);
    this.selected = id;
    this.ctx.setParams({ select: id });
    this.marks.selected = id;
    this.graph.select(id);
    this.marks.draw();
    this.panel.select(id);
    // On a phone the panel covers the lower part: what was chosen stays in sight above it.
    if (id && innerWidth < NARROW) this.graph.centre(id, this.pic.clientHeight * 0.3);
    this.alternates();
  }

  /** What opens this box; null for what is no box of this picture. */
  private box(id: string): string | null { return (this.before?.nodes[id]?.["opens"] as string | undefined) ?? null; }

  /** Goes deeper: into a box, else to the page of the thing. Back leads here again. */
  private open(id: string): void {
    const page = pageOf(id), query = new URLSearchParams(this.ctx.params), opens = this.box(id) ?? (kindOf(id) === "team" ? id : null);
    for (const name of ["id", "select", "focus"]) query.delete(name);
    if (opens) query.set("open", opens);
    else query.set("focus", id);
    if (opens && kindOf(id) === "team" && innerWidth >= NARROW) query.set("select", id);
    location.assign(opens || !page ? `/map?${query}` : page);
  }

  private show(mode: Mode): void {
    this.pic.hidden = mode !== "picture";
    this.alt.hidden = mode === "picture";
    this.root.dataset["mode"] = mode;
    this.alternates();
  }

  private alternates(): void {
    if (!this.before) return;
    const mode = this.bar.mode;
    if (mode === "tree") this.tree.draw(this.before.nodes, this.before.edges, this.selected, this.ctx.state()?.tables["firing"] ?? {});
    if (mode === "table") this.table.draw(this.before.nodes, this.before.edges, this.selected);
  }

  private resize(): void {
    const { clientWidth: w, clientHeight: tall } = this.pic;
    if (!w || !tall) return;
    this.graph.resize(w, tall);
    this.marks.resize(w, tall);
    this.particles.resize(w, tall);
    // A panel that opens beside a part of the map does not move it; a phone that is turned shows what fits then.
    if (this.fitted && !this.moved && (innerWidth < NARROW || !this.partial)) this.settle();
  }

  private keys(event: KeyboardEvent): void {
    const moves: Record<string, [number, number]> = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const move = moves[event.key];
    if (move) this.step(move);
    else if (event.key === "Enter" && this.selected) this.open(this.selected);
    else if (event.key === "Escape") this.pick(null);
    else if (event.key === "+" || event.key === "=") this.graph.zoomBy(1.25);
    else if (event.key === "-") this.graph.zoomBy(0.8);
    else if (event.key === "0") this.all();
    else return;
    event.preventDefault();
  }

  /** The nearest node in a direction; a step sideways costs more than one ahead. */
  private step([dx, dy]: [number, number]): void {
    const nodes = Object.entries(this.before?.nodes ?? {}), here = this.selected ? this.before?.nodes[this.selected] : null;
    if (!here) { const first = nodes[0]; if (first) this.pick(first[0]); return; }
    let best: string | null = null, least = Infinity;
    for (const [id, n] of nodes) {
      const x = Number(n["x"]) - Number(here["x"]), y = Number(n["y"]) - Number(here["y"]), ahead = x * dx + y * dy;
      const cost = ahead + 2.5 * Math.abs(x * dy + y * dx);
      if (ahead > 1 && cost < least) { least = cost; best = id; }
    }
    if (!best) return;
    this.pick(best);
    const { camera } = this.graph, to = this.before!.nodes[best]!, at = camera.shown({ x: Number(to["x"]), y: Number(to["y"]) });
    if (at.x < 30 || at.y < 30 || at.x > camera.width - 30 || at.y > camera.height - 30) this.graph.centre(best);
  }

  private zoom(): HTMLElement {
    const press = (name: string, label: string, run: () => void): HTMLElement => h("button", { type: "button", "aria-label": label, title: label, click: run }, icon(name));
    return h("div", { class: "zoom" }, press("plus", "Closer", () => this.graph.zoomBy(1.3)), press("minus", "Farther", () => this.graph.zoomBy(1 / 1.3)), press("fit", "All in sight", () => this.all()));
  }

  /** The picture as it stands on the screen, ground included. */
  private png(): void {
    const layers = [...this.pic.querySelectorAll("canvas:not(.mini)")] as HTMLCanvasElement[], first = layers[0];
    if (!first) return;
    const out = h("canvas"), g = out.getContext("2d")!;
    out.width = this.pic.clientWidth * 2;
    out.height = this.pic.clientHeight * 2;
    g.fillStyle = readPalette().canvas;
    g.fillRect(0, 0, out.width, out.height);
    for (const layer of layers) g.drawImage(layer, 0, 0, out.width, out.height);
    out.toBlob((blob) => {
      if (!blob) return;
      const url = URL.createObjectURL(blob), link = h("a", { href: url, download: "playhead.png" });
      link.click();
      window.setTimeout(() => URL.revokeObjectURL(url), 10_000);
    });
  }
}

type Counts = Record<string, number>;

function legend(): HTMLElement {
  const line = (dash: string | null, words: string): HTMLElement => h("span", {}, s("svg", { class: "ln", viewBox: "0 0 26 8", "aria-hidden": "true" }, s("path", { d: "M0 4h26", stroke: "var(--text-3)", "stroke-width": 1.8, "stroke-dasharray": dash, "stroke-linecap": dash?.startsWith(".") ? "round" : null, fill: "none" })), words);
  const verdicts = LEGEND.map((v) => h("span", { class: look(v).css }, icon(look(v).css), look(v).word.toLowerCase()));
  const differs = ([["v-ok", "+", "added"], ["v-stalled", "\u2212", "removed"], ["v-behind", "~", "changed"]] as const).map(([css, sign, word]) => h("span", { class: `differs ${css}` }, h("b", {}, sign), word, h("span", { class: "num", "data-differs": word })));
  const width = h("span", { class: "opt" }, s("svg", { class: "ln", viewBox: "0 0 26 8", "aria-hidden": "true" }, s("path", { d: "M0 5.3 26 1.5v6L0 6z", fill: "var(--flow-line)" })), "width: rate");
  return h("div", { class: "key" }, ...differs, h("span", { class: "h" }, "Reads"), ...verdicts, h("i", { class: "sep" }), line(null, "observed"), line("5 3", "inferred"), line(".1 4.6", "declared, permitted"), h("i", { class: "sep opt" }), width);
}

export function makeMap(root: HTMLElement, ctx: Context): View { return new MapView(root, ctx); }
