// Topics, services, teams, collectors: the same table with other columns.
import { ageTag } from "./ages.ts";
import { sampledAt, type Context, type View } from "./context.ts";
import { debounce, h, setText } from "./dom.ts";
import { bytes, duration, many, millis, stamp } from "./format.ts";
import { filterField, Grid } from "./grid.ts";
import { columnsOf, type Line } from "./columns.ts";
import { Suggestions } from "./joins.ts";
import { emptyNote, teamTag } from "./parts.ts";
import type { State } from "./types.ts";

interface Kind { title: string; noun: string; icon: string; sort: { id: string; down: boolean }; empty: [string, string] }

const KINDS: Record<string, Kind> = {
  topics: { title: "Topics", noun: "topic", icon: "topics", sort: { id: "verdict", down: true }, empty: ["No topic is known yet", "Playhead shows each topic that it may describe. If there should be some, the right to describe topics is missing."] },
  services: { title: "Services", noun: "service", icon: "services", sort: { id: "verdict", down: true }, empty: ["No service is known yet", "Services appear when spans arrive at /v1/traces, or when a rule in playhead.yaml names the service behind a group or a client id."] },
  drift: { title: "Drift", noun: "edge", icon: "changes", sort: { id: "drift", down: true }, empty: ["Nothing is declared or permitted yet", "Drift holds what is seen against what documents declare and ACLs permit. Name documents under catalogs: in playhead.yaml; ACLs are read where Playhead may describe the cluster."] },
  teams: { title: "Teams", noun: "team", icon: "teams", sort: { id: "verdict", down: true }, empty: ["No team is named yet", "Name teams and what they own in playhead.yaml, under teams: and owners:."] },
  connectors: { title: "Connectors", noun: "connector", icon: "n-connector", sort: { id: "state", down: true }, empty: ["No connector is known", "Connectors appear once a Connect worker is named under connect: of its cluster in playhead.yaml."] },
  queries: { title: "Queries", noun: "query", icon: "n-query", sort: { id: "state", down: true }, empty: ["No query is known", "Queries appear once a ksqlDB server is named under ksqldb: of its cluster in playhead.yaml."] },
  systems: { title: "Systems", noun: "system", icon: "n-system", sort: { id: "name", down: false }, empty: ["No system outside Kafka is known", "Databases, buckets and registries appear when connectors' configurations, a registry or records' headers name them."] },
  collectors: { title: "Collectors", noun: "collector", icon: "collectors", sort: { id: "state", down: true }, empty: ["No collector has run yet", "The follower and the workers start with Playhead. If none appears within half a minute, its log says why."] },
};

interface Stored { files: number; used: number; oldest: string | null; a_day: number | null; forecast: number | null; full_in: number | null; free: number | null; stopped: string | null }

class ListView implements View {
  private kind: Kind;
  private grid: Grid<Line>;
  private said = h("p", { class: "num" });
  private note = h("div", { class: "coverage" });
  private room = h("p", { class: "room mut num" });
  private lines = new Map<string, Line>();
  private guesses: Suggestions | null = null;
  private sheet: HTMLElement;
  private empty: HTMLElement | null = null;

  constructor(private root: HTMLElement, private ctx: Context) {
    root.className = "page";
    this.kind = KINDS[ctx.view]!;
    const wanted = ctx.params["sort"], sort = wanted ? { id: wanted, down: ctx.params["dir"] !== "up" } : this.kind.sort;
    this.grid = new Grid<Line>({
      label: this.kind.title, columns: columnsOf(ctx.view, (line) => ageTag(line.sampled, ctx.now())), key: (l) => l.key, sort, scroller: root,
      onSort: (id, down) => ctx.setParams({ sort: id, dir: down ? null : "up" }), rowClass: (l) => (l.row["stale"] ? "isstale" : ""),
    });
    this.grid.el.classList.add(`g-${ctx.view}`);
    const filter = filterField(this.kind.noun === "edge" ? "Part of a name" : `Name of a ${this.kind.noun}`, ctx.params["q"] ?? "", debounce(120, (words: string) => { ctx.setParams({ q: words }, ctx.view !== "collectors"); this.arrange(); }));
    this.sheet = h("div", { class: "sheet" }, this.grid.el);
    root.append(h("div", { class: "title" }, h("h1", {}, this.kind.title), this.said, h("span", { class: "push" }), this.note, filter), ...(ctx.view === "collectors" ? [this.room] : []), this.sheet);
    if (ctx.view === "services") { this.guesses = new Suggestions(ctx); this.sheet.before(this.guesses.el); }
  }

  update(state: State): void {
    const next = new Map<string, Line>(), clusters = state.tables["clusters"] ?? {};
    for (const [key, row] of Object.entries(state.tables["rows"] ?? {})) {
      const own = row["sampled_at"] ?? row["last_success"] ?? clusters[String(row["cluster"] ?? "")]?.["sampled_at"] ?? null;
      const sampled = own === null ? (this.ctx.view === "collectors" ? null : sampledAt(state, row)) : String(own), old = this.lines.get(key);
      next.set(key, old && old.row === row && old.sampled === sampled ? old : { key, row, sampled });
    }
    this.lines = next;
    this.arrange();
    this.coverage(state);
    this.storage(state);
    this.guesses?.update(state);
    this.root.dataset["rows"] = String(next.size);
  }

  private arrange(): void {
    const words = (this.ctx.params["q"] ?? "").toLowerCase(), all = [...this.lines.values()];
    const shown = words ? all.filter((l) => String(l.row["name"]).toLowerCase().includes(words)) : all;
    setText(this.said, this.counted(shown));
    this.grid.set(shown);
    this.explain(shown.length);
  }

  /** What is not of the page's kind is counted by itself, as the map does. */
  private counted(shown: Line[]): string {
    const groups = this.ctx.view === "services" ? shown.filter((l) => l.row["kind"] === "group").length : 0;
    return many(shown.length - groups, this.kind.noun) + (groups ? ` and ${many(groups, "group")} without a service` : "");
  }

  private explain(n: number): void {
    this.empty?.remove();
    this.empty = null;
    this.sheet.hidden = n === 0;
    if (n) return;
    const filtered = this.ctx.params["q"] || this.ctx.params["cluster"] || this.ctx.params["team"];
    const link = this.ctx.view === "collectors" ? undefined : { href: "/collectors", text: "See the collectors" };
    this.empty = filtered ? emptyNote("filter", "Nothing passes these filters", "Take one away.", { href: location.pathname, text: "Show all" }) : emptyNote(this.kind.icon, this.kind.empty[0], this.kind.empty[1], link);
    this.root.append(this.empty);
  }

  /** How much room the tape takes, and is going to take. */
  private storage(state: State): void {
    const found = state.meta["storage"] as Stored | undefined;
    if (!found) return;
    const since = millis(found.oldest), parts = [
      `The tape takes ${bytes(found.used)} in ${many(found.files, "file")}${since === null ? "" : `, since ${stamp(since)}`}.`,
      found.a_day === null ? "How much a day is known after ten minutes." : `${bytes(found.a_day)} a day${found.forecast === null ? "" : `; when all is kept for as long as configured, about ${bytes(found.forecast)}`}.`,
      found.free === null ? "It is kept on other machines, whose room is not known here." : `${bytes(found.free)} of the disk are free${found.full_in === null ? "" : `: it will be full in ${duration(found.full_in * 86_400)}`}.`,
    ];
    this.room.classList.toggle("v-stalled", found.stopped !== null || found.full_in !== null);
    this.room.replaceChildren(...(found.stopped ? [h("b", {}, `Not recording: ${found.stopped}.`), " "] : []), parts.join(" "));
  }

  /** How much has an owner, and what has none. */
  private coverage(state: State): void {
    const covered = state.meta["coverage"] as [number, number] | undefined, without = state.meta["unowned"] as Record<string, number> | undefined;
    if (this.ctx.view !== "teams" || !covered || !covered[1]) return;
    const parts = ["services", "topics", "groups"].filter((k) => without?.[k]).map((k) => many(without![k]!, k.slice(0, -1)));
    const share = Math.floor((covered[0] / covered[1]) * 100);
    this.note.replaceChildren(h("span", { class: "num mut" }, `${share} % has an owner`), ...(parts.length ? [teamTag(null), h("span", { class: "num mut" }, `has ${parts.join(", ")}`)] : []));
  }
}

export function makeList(root: HTMLElement, ctx: Context): View { return new ListView(root, ctx); }
