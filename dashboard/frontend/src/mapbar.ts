// The bar over the map: where one is, filters, picture or tree or table, export.
import type { Context } from "./context.ts";
import { button, h, icon, setText } from "./dom.ts";
import { many } from "./format.ts";
import { nameOf } from "./ids.ts";
import { openMenu } from "./menu.ts";
import type { State, Table } from "./types.ts";
import { look, VERDICTS } from "./verdict.ts";

export type Mode = "picture" | "tree" | "table";
export interface BarEvents { mode: (mode: Mode) => void; png: () => void }

const KINDS: [string, string][] = [["service", "Services"], ["topic", "Topics"], ["group", "Groups"], ["connector", "Connectors"], ["query", "Queries"], ["system", "Systems"], ["writer", "Unknown writers"]];
const NOUNS: Record<string, string> = { service: "service", topic: "topic", group: "group", connector: "connector", query: "query", system: "system", writer: "unknown writer", "transactional id": "transactional id", team: "team" };

export class MapBar {
  readonly bar = h("div", { class: "bar" });
  readonly filters = h("div", { class: "filters", id: "filters", hidden: true });
  private crumbs = h("nav", { class: "crumbs", "aria-label": "Where" });
  private counts = h("small", { class: "wide" });
  private seg = h("div", { class: "seg", role: "group", "aria-label": "Show as" });
  private drawn = "";

  constructor(private ctx: Context, private events: BarEvents) {
    const filter = button("Filter", () => this.toggle(filter), { "aria-expanded": "false", "aria-controls": "filters" }, icon("filter", "i s"), h("span", { class: "t" }, "Filter"));
    const out = button("Export", () => this.exports(out), { class: "ctl icon", title: "Export", "aria-label": "Export", "aria-haspopup": "menu" }, icon("export", "i s"));
    for (const [mode, label, glyph] of [["picture", "Picture", "map"], ["tree", "Tree", "tree"], ["table", "Table", "table"]] as const) {
      this.seg.append(h("button", { type: "button", "data-mode": mode, click: () => this.show(mode) }, icon(glyph, "i s"), h("span", { class: "t" }, label)));
    }
    const drift = button("Drift", () => {
      const on = this.ctx.params["drift"] !== "1";
      drift.setAttribute("aria-pressed", String(on));
      this.set("drift", on ? "1" : null);
    }, { class: "ctl tog-drift", "aria-pressed": String(ctx.params["drift"] === "1"), title: "What is declared or permitted beside what is seen" }, icon("eye", "i s"), h("span", { class: "t" }, "Drift"));
    this.bar.append(this.crumbs, h("span", { class: "push wide" }), filter, drift, this.seg, out);
    if (["team", "kind", "verdict", "q"].some((p) => ctx.params[p])) this.toggle(filter);
    this.press(this.mode);
  }

  get mode(): Mode { return (["tree", "table"].includes(this.ctx.params["show"] ?? "") ? this.ctx.params["show"] : "picture") as Mode; }

  update(state: State): void {
    const nodes = state.tables["nodes"] ?? {};
    this.drawCrumbs(state);
    const boxes = Object.values(nodes).filter((n) => n["opens"]).length, outline = state.meta["outline"] as { words: string } | null | undefined;
    const folded = `${String(state.meta["words"] ?? "")} in ${many(Object.keys(nodes).length, "part")}`;
    setText(this.counts, outline ? `${outline.words}; what touches them is folded` : boxes ? folded : countWords(nodes));
    const key = JSON.stringify([state.meta["teams"], this.ctx.params]);
    if (key !== this.drawn && !this.filters.contains(document.activeElement)) { this.drawn = key; this.drawFilters(state); }
  }

  private show(mode: Mode): void {
    this.ctx.setParams({ show: mode === "picture" ? null : mode });
    this.press(mode);
    this.events.mode(mode);
  }

  private press(mode: Mode): void {
    this.seg.querySelectorAll("button").forEach((b) => b.setAttribute("aria-pressed", String(b.dataset["mode"] === mode)));
  }

  private toggle(el: HTMLElement): void {
    this.filters.hidden = !this.filters.hidden;
    el.setAttribute("aria-expanded", String(!this.filters.hidden));
  }

  private drawCrumbs(state: State): void {
    const crumbs = (state.meta["crumbs"] as { name: string; params: Record<string, string> }[] | undefined ?? []).slice(1), team = this.ctx.params["team"];
    const teams = (state.meta["teams"] as unknown[] | undefined ?? []).length > 0;
    const top = teams && (state.meta["folded"] === true || !!this.ctx.params["open"]) ? "All teams" : "Everything";
    const steps = [{ name: top, params: {} }, ...(team ? [{ name: nameOf(team.includes(":") ? team : `team:${team}`), params: { team } }] : []), ...crumbs];
    const here = steps.pop()!;
    const parts = steps.flatMap(({ name, params }, i) => [h("a", { href: this.link(params), class: i === steps.length - 1 ? "keep-m" : null }, name), icon("right")]);
    const words = JSON.stringify([steps, here]);
    if (this.crumbs.dataset["shown"] === words) return;
    this.crumbs.dataset["shown"] = words;
    this.crumbs.replaceChildren(...parts, h("h1", { title: here.name }, ...halves(here.name, state)), this.counts);
  }

  /** This page with other steps of the way; filters stay. */
  private link(params: Record<string, string>): string {
    const query = new URLSearchParams(this.ctx.params);
    for (const name of ["focus", "open", "team", "select", "id", "from", "to"]) query.delete(name);
    for (const [name, value] of Object.entries(params)) query.set(name, value);
    return query.size ? `/map?${query}` : "/map";
  }

  private set(name: string, value: string | null): void { this.ctx.setParams({ [name]: value, select: null }, true); }

  private field(label: string, control: Node): HTMLElement { return h("div", { class: "fld" }, h("span", { class: "lb" }, label), control); }

  private toggles(name: string, label: string, options: [string, Node[], string][]): HTMLElement {
    const chosen = new Set((this.ctx.params[name] ?? "").split(",").filter(Boolean));
    const box = h("div", { class: "togs", role: "group", "aria-label": label });
    for (const [value, inside, title] of options) {
      const b = h("button", { type: "button", class: `tog ${name === "verdict" ? look(value).css : ""}`, "aria-pressed": String(chosen.has(value)), title, "aria-label": title, click: () => {
        if (chosen.has(value)) chosen.delete(value); else chosen.add(value);
        b.setAttribute("aria-pressed", String(chosen.has(value)));
        this.set(name, [...chosen].join(","));
      } }, ...inside);
      box.append(b);
    }
    return this.field(label, box);
  }

  private drawFilters(state: State): void {
    const teams = (state.meta["teams"] as unknown[] | undefined ?? []).map((t) => (typeof t === "string" ? t : String((t as { id?: unknown; name?: unknown }).id ?? (t as { name?: unknown }).name)));
    const team = h("select", { class: "inp", "aria-label": "Team", change: () => this.set("team", team.value) }, h("option", { value: "" }, `Any of ${teams.length}`), ...teams.map((t) => h("option", { value: t }, t.includes(":") ? nameOf(t) : t)));
    team.value = this.ctx.params["team"] ?? "";
    const words = h("input", { class: "inp", type: "search", "aria-label": "Name has", placeholder: "part of a name", value: this.ctx.params["q"] ?? "", change: () => this.set("q", words.value) });
    const fold = h("select", { class: "inp", "aria-label": "Fold", change: () => this.set("fold", fold.value) }, h("option", { value: "" }, "when large"), h("option", { value: "team" }, "by team"), h("option", { value: "none" }, "never"));
    fold.value = this.ctx.params["fold"] ?? "";
    this.filters.replaceChildren(
      this.field("Team", team), this.field("Name", words),
      this.toggles("kind", "Kind", KINDS.map(([k, label]) => [k, [document.createTextNode(label)], label])),
      this.toggles("verdict", "Verdict of a read", VERDICTS.map((v) => [v, [icon(look(v).css)], look(v).word])),
      this.field("Fold", fold));
  }

  private exports(anchor: HTMLElement): void {
    const query = new URLSearchParams(this.ctx.params);
    for (const name of ["show", "select", "id", "from", "to"]) query.delete(name);
    const at = this.ctx.state()?.at;
    if (at) query.set("at", at);
    const link = (format: string): string => `/api/v1/export/${format}?${query}`;
    openMenu(anchor, "This picture, at its moment", [
      { label: "PNG", icon: "map", note: "as on the screen", run: this.events.png },
      { label: "SVG", icon: "map", href: link("svg"), download: "playhead.svg" },
      { label: "Mermaid", icon: "doc", href: link("mermaid"), download: "playhead.mmd" },
      { label: "DOT", icon: "doc", href: link("dot"), download: "playhead.dot" },
      { label: "JSON, node-link", icon: "tree", href: link("json"), download: "playhead.json" },
      { label: "Copy a link to this view", icon: "link", run: () => void navigator.clipboard?.writeText(location.href) },
    ]);
  }
}

/** A comparison's title: from when to when, and where there is room what became of it; the legend says that, too. */
function halves(name: string, state: State): (Node | string)[] {
  const at = state.meta["difference"] ? name.indexOf(" UTC: ") : -1;
  return at < 0 ? [name] : [name.slice(0, at + 4), h("span", { class: "wide" }, name.slice(at + 4))];
}

function countWords(nodes: Table): string {
  const by = new Map<string, number>();
  for (const row of Object.values(nodes)) {
    const kind = row["sub"] === "transactional id" ? row["sub"] : String(row["kind"]);
    by.set(kind, (by.get(kind) ?? 0) + 1);
  }
  const order = ["team", "service", "group", "topic", "connector", "query", "system", "transactional id", "writer"];
  return order.filter((k) => by.has(k)).map((k) => (k === "query" && by.get(k)! > 1 ? `${by.get(k)} queries` : many(by.get(k)!, NOUNS[k]!))).join(" · ");
}
