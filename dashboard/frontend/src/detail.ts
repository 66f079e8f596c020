// The page of one topic, group, service or team, connector, query or system.
import { ageTag } from "./ages.ts";
import { Chart, type Line } from "./chart.ts";
import { sampledAt, type Context, type View } from "./context.ts";
import { h, icon } from "./dom.ts";
import { firingNote } from "./firing.ts";
import { HeatMap } from "./heatmap.ts";
import { kindOf, nameOf, pageOf } from "./ids.ts";
import { knownAs } from "./joins.ts";
import { applicationTable, belongs, hangingTable, permissionsTable, producersLine, recordsLine, schemasTable, sharesTable } from "./known.ts";
import { MemberBands } from "./members.ts";
import { alarm, facts, numbers, peers } from "./panelparts.ts";
import { about, failure, tasksTable } from "./outside.ts";
import { kindShape } from "./parts.ts";
import { Player } from "./player.ts";
import { configs, groupsTable, lagTable, membersTable, neighboursTable, ownedTable, partitionsTable, subjectsTable } from "./tables.ts";
import type { Row, State } from "./types.ts";

const HOME: Record<string, [string, string]> = { topic: ["/topics", "Topics"], group: ["/lag", "Lag"], service: ["/services", "Services"], team: ["/teams", "Teams"], connector: ["/connectors", "Connectors"], query: ["/queries", "Queries"], system: ["/systems", "Systems"] };

const OUTSIDE = new Set(["connector", "query", "system"]);

class DetailView implements View {
  private bar = h("div", { class: "bar" });
  private main = h("div", { class: "scroll detailmain" });
  private side = h("aside", { class: "side", "aria-label": "Facts" });
  private body = h("div", { class: "blocks" });
  private charts: Chart[] = [];
  private heat: HeatMap | null = null;
  private bands: MemberBands | null = null;
  private player: Player | null = null;
  private id: string;
  private kind: string;

  constructor(private root: HTMLElement, private ctx: Context) {
    root.className = "view with-side detailpage";
    this.id = ctx.params["id"] ?? "";
    this.kind = kindOf(this.id) || ctx.view;
    const charts = h("div", { class: this.kind === "group" ? "charts three" : "charts" });
    for (const [lines, title, unit] of chartsOf(this.kind)) {
      const chart = new Chart(ctx, this.id, lines, title, unit);
      this.charts.push(chart);
      charts.append(chart.el);
    }
    this.main.append(...this.throughTime(), charts, this.body);
    if (this.kind === "topic") { this.player = new Player(ctx, this.id); this.body.before(this.player.el); }
    root.append(h("section", { class: "stage", "aria-label": nameOf(this.id) }, this.bar, this.main), this.side);
  }

  /** A group's partitions and members, beside what they are now. */
  private throughTime(): HTMLElement[] {
    if (this.kind !== "group") return [];
    const heat = new HeatMap(this.ctx, this.id), bands = new MemberBands(this.ctx, this.id, (marks) => heat.mark(marks));
    this.heat = heat;
    this.bands = bands;
    return [heat.el, bands.el];
  }

  update(state: State): void {
    const info = Object.values(state.tables["info"] ?? {})[0] ?? {}, scroll = this.main.scrollTop;
    this.drawBar(info);
    this.drawSide(state, info);
    const held = document.activeElement instanceof HTMLElement && this.body.contains(document.activeElement);
    if (!held) this.body.replaceChildren(...this.blocks(state).filter((x): x is HTMLElement => x !== null));
    this.main.scrollTop = scroll;
    this.throughTimeAgain();
    this.player?.update(state);
    this.root.dataset["rows"] = String(this.body.querySelectorAll("tbody tr").length);
  }

  placed(): void {
    this.throughTimeAgain();
    this.player?.placed();
  }

  private throughTimeAgain(): void { [...this.charts, this.heat, this.bands].forEach((each) => each?.update()); }

  themed(): void {
    this.charts.forEach((chart) => chart.themed());
    this.heat?.themed();
  }

  private drawBar(info: Row): void {
    const [href, words] = HOME[this.kind] ?? ["/map", "Map"], name = String(info["name"] ?? nameOf(this.id));
    const map = `/map?focus=${encodeURIComponent(this.kind === "group" && info["service"] ? String(info["service"]) : this.id)}`;
    this.bar.replaceChildren(h("nav", { class: "crumbs", "aria-label": "Where" }, h("a", { href, class: "keep-m" }, words), icon("right"), kindShape(this.kind), h("h1", { class: "ell", title: name }, name)), h("span", { class: "push" }), h("a", { class: "ctl", href: map }, icon("map", "i s"), "On the map"));
  }

  private drawSide(state: State, info: Row): void {
    const age = ageTag(sampledAt(state, info), this.ctx.now());
    const go = (id: string): void => { location.assign(pageOf(id) ?? `/map?focus=${encodeURIComponent(id)}`); };
    const part = (title: string, table: string, relation?: string): HTMLElement | null => {
      const rows = peers(state, table, go, relation);
      return rows.length ? h("section", {}, h("h3", {}, title, h("small", {}, String(rows.length))), ...rows) : null;
    };
    const head = h("div", { class: "head" }, facts(info), belongs(info), owner(info), producersLine(info), recordsLine(info));
    const by: Record<string, (HTMLElement | null)[]> = {
      topic: [part("Written by", "writers"), part("Read by", "readers")], group: [part("Reads", "topics"), part("Writes", "writes")],
      service: [part("Reads", "reads"), part("Writes", "writes"), part("Calls", "calls"), part("Called by", "callers")], team: [],
      connector: [part("Reads", "writers"), part("Writes", "readers")], query: [part("Reads", "writers"), part("Writes", "readers")],
      system: [part("Read by", "readers"), part("Written by", "writers")],
    };
    this.side.replaceChildren(...[head, firingNote(state, this.id), failure(info), alarm(state), numbers(info, age), ...(by[this.kind] ?? []), OUTSIDE.has(this.kind) ? about(info) : null, this.kind === "service" || this.kind === "connector" ? knownAs(state, info, this.ctx) : null, configs(state)].filter((x): x is HTMLElement => x !== null));
  }

  private blocks(state: State): (HTMLElement | null)[] {
    const now = this.ctx.now(), lag = lagTable(state, now, this.kind);
    if (this.kind === "topic") return [hangingTable(state, now), lag, subjectsTable(state), schemasTable(state), partitionsTable(state), permissionsTable(state)];
    if (this.kind === "group") return [lag, sharesTable(state), membersTable(state), applicationTable(state), partitionsTable(state)];
    if (this.kind === "service") return [lag, groupsTable(state), applicationTable(state)];
    if (OUTSIDE.has(this.kind)) return [tasksTable(state), lag, neighboursTable(state)];
    return [lag, ownedTable(state, "services", "Services"), ownedTable(state, "topics", "Topics"), ownedTable(state, "groups", "Groups without a service")];
  }
}

function chartsOf(kind: string): [Line[], string, string][] {
  const one = (metric: string, title: string, unit: string): [Line[], string, string] => [[{ metric, name: title }], title, unit];
  if (kind === "topic") return [one("rate_in", "Written", "/s"), one("lag", "Unread by all its readers", "")];
  if (kind !== "group") return [];
  return [one("lag", "Unread", ""), one("time_lag", "Behind by", "s"), [[{ metric: "rate_out", name: "read" }, { metric: "rate_in", name: "written" }], "Rates", "/s"]];
}

/** Whom to call, and why we think so. */
function owner(info: Row): HTMLElement | null {
  const said = ["contact", "email", "url"].filter((k) => typeof info[k] === "string" && info[k]);
  const parts: (Node | string)[] = said.map((k) => {
    const value = String(info[k]);
    return k === "url" && /^https?:\/\//.test(value) ? h("a", { href: value, rel: "noreferrer" }, value) : h("span", {}, value);
  });
  if (typeof info["owner_source"] === "string" && info["owner_source"]) parts.push(h("span", { class: "dim ownline" }, `owner from ${info["owner_source"]}`));
  return parts.length ? h("div", { class: "facts" }, ...parts) : null;
}

export function makeDetail(root: HTMLElement, ctx: Context): View { return new DetailView(root, ctx); }
