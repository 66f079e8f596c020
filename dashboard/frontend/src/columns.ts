// What each list shows of a row, how it is sorted and what is left out on a phone.
import { h } from "./dom.ts";
import { driftOf } from "./drift.ts";
import { bytes, count, duration, rate, short } from "./format.ts";
import type { Column } from "./grid.ts";
import { pageOf } from "./ids.ts";
import { keeps } from "./panelparts.ts";
import { kindShape, teamTag } from "./parts.ts";
import type { Row } from "./types.ts";
import { look, verdictTag } from "./verdict.ts";

export interface Line { key: string; row: Row; sampled: string | null }

const num = (v: unknown): number | null => (typeof v === "number" ? v : null);
const str = (v: unknown): string => (v === null || v === undefined ? "" : String(v));
const unknown = (): HTMLElement => h("span", { class: "na" }, "unknown");
const orUnknown = (text: string): Node | string => (text === "unknown" ? unknown() : text);

/** A name with a second line under it. */
function named(href: string | null, name: string, second: (Node | string | null)[], shape?: string): HTMLElement {
  const words = h("div", { class: "two-lines" }, href ? h("a", { class: "nm ell", href, title: name }, name) : h("b", { class: "nm ell", title: name }, name), h("div", { class: "why ell" }, ...second));
  return h("div", { class: "named" }, shape ? kindShape(shape) : null, words);
}

function figure(id: string, head: string, width: string, of: (r: Row) => number | null, show: (n: number | null) => string, wide = true): Column<Line> {
  return { id, head, width, right: true, wide, cell: (l) => orUnknown(show(of(l.row))), by: (l) => of(l.row) };
}

const team: Column<Line> = { id: "team", head: "Owner", width: "minmax(84px, 132px)", wide: true, cell: (l) => teamTag(str(l.row["team"]) || null, true), by: (l) => str(l.row["team"]) || null };

const verdict: Column<Line> = {
  id: "verdict", head: "Worst verdict", width: "134px",
  cell: (l) => (l.row["worst_verdict"] ? verdictTag(str(l.row["worst_verdict"])) : h("span", { class: "na" }, "nobody reads")),
  by: (l) => (l.row["worst_verdict"] ? look(str(l.row["worst_verdict"])).danger : -1),
};

type Age = (line: Line) => HTMLElement;
const aged = (age: Age): Column<Line> => ({ id: "age", head: "Age", width: "64px", right: true, wide: true, cell: age });

function health(r: Row): HTMLElement | null {
  const offline = num(r["offline"]), thin = num(r["under_replicated"]);
  if (offline) return h("span", { class: "flag v-stalled" }, `${count(offline)} offline`);
  return thin ? h("span", { class: "flag v-behind" }, `${count(thin)} under-replicated`) : null;
}

const topics = (age: Age): Column<Line>[] => [
  { id: "name", head: "Topic", width: "minmax(0, 1fr)", cell: (l) => named(pageOf(l.key), str(l.row["name"]), [`${str(l.row["cluster"])} · ${count(num(l.row["partitions"]))} partitions${keeps(l.row) ? ` · ${keeps(l.row)}` : ""} `, health(l.row)], "topic"), by: (l) => str(l.row["name"]) },
  verdict, team,
  figure("rate", "Written", "92px", (r) => num(r["rate"]), rate, false),
  figure("records", "Records", "92px", (r) => num(r["records"]), short),
  figure("size", "On disk", "88px", (r) => num(r["size"]), bytes),
  figure("writers", "Writers", "72px", (r) => num(r["writers"]), count),
  figure("readers", "Readers", "72px", (r) => num(r["readers"]), count),
  aged(age),
];

const services = (age: Age): Column<Line>[] => [
  { id: "name", head: "Service", width: "minmax(0, 1fr)", cell: (l) => named(pageOf(l.key), str(l.row["name"]), [serviceWords(l.row)], str(l.row["kind"]) || "service"), by: (l) => str(l.row["name"]) },
  { ...verdict, cell: (l) => (l.row["worst_verdict"] ? verdictTag(str(l.row["worst_verdict"])) : h("span", { class: "na" }, "reads nothing")) }, team,
  figure("lag", "Unread", "92px", (r) => num(r["lag"]), short, false),
  figure("in", "Reads", "92px", (r) => num(r["rate_in"]), rate), figure("out", "Writes", "92px", (r) => num(r["rate_out"]), rate),
  figure("nr", "Topics read", "92px", (r) => num(r["reads"]), count), figure("nw", "written", "72px", (r) => num(r["writes"]), count), figure("nc", "Calls", "64px", (r) => num(r["calls"]), count),
  aged(age),
];

function serviceWords(r: Row): string {
  const groups = Array.isArray(r["groups"]) ? (r["groups"] as string[]) : [], where = Array.isArray(r["clusters"]) ? (r["clusters"] as string[]).join(", ") : "";
  if (r["kind"] === "group") return `a consumer group that no service owns, in ${str(r["cluster"])}`;
  const by = groups.length ? `as group ${groups.slice(0, 3).join(", ")}${groups.length > 3 ? ` and ${groups.length - 3} more` : ""}` : "";
  return [where, by].filter(Boolean).join(" · ");
}

const teams = (): Column<Line>[] => [
  { id: "name", head: "Team", width: "minmax(0, 1fr)", cell: (l) => named(pageOf(l.key), str(l.row["name"]), [str(l.row["contact"] ?? l.row["email"])]), by: (l) => str(l.row["name"]) },
  { ...verdict, cell: (l) => (l.row["worst_verdict"] ? verdictTag(str(l.row["worst_verdict"])) : h("span", { class: "na" }, "reads nothing")) },
  figure("services", "Services", "84px", (r) => num(r["services"]), count), figure("topics", "Topics", "76px", (r) => num(r["topics"]), count), figure("groups", "Groups", "76px", (r) => num(r["groups"]), count),
  figure("behind", "Behind", "76px", (r) => num(r["behind"]), count), figure("lag", "Unread", "96px", (r) => num(r["lag"]), short, false),
];

function collectorState(r: Row): number { return r["error"] ? 3 : r["stale"] ? 2 : r["last_success"] ? 0 : 1; }

function collectorTag(r: Row): HTMLElement {
  const [css, word] = ([["v-ok", "Fresh"], ["v-unknown", "Not yet run"], ["v-behind", "Late"], ["v-stalled", "Fails"]] as const)[collectorState(r)]!;
  const tag = verdictTag(({ "v-ok": "ok", "v-unknown": "unknown", "v-behind": "falling_behind", "v-stalled": "stalled" } as const)[css]);
  tag.lastChild!.textContent = word;
  return tag;
}

function collectorWords(r: Row): (Node | string | null)[] {
  const needs = Array.isArray(r["needs"]) ? (r["needs"] as unknown[]).map((n) => (typeof n === "string" ? n : JSON.stringify(n))) : [];
  if (r["error"]) return [h("span", { class: "flag v-stalled", title: str(r["error"]) }, str(r["error"]))];
  if (r["note"]) return [str(r["note"])];
  return [needs.length ? `needs ${needs.join(", ")}` : str(r["source"])];
}

const collectors = (age: Age): Column<Line>[] => [
  { id: "state", head: "State", width: "116px", cell: (l) => collectorTag(l.row), by: (l) => collectorState(l.row) },
  { id: "name", head: "Collector", width: "minmax(0, 1.2fr)", cell: (l) => named(null, str(l.row["name"]), collectorWords(l.row)), by: (l) => str(l.row["name"]) },
  { id: "cluster", head: "Cluster", width: "minmax(70px, 150px)", wide: true, cell: (l) => h("span", { class: "ell" }, str(l.row["cluster"])), by: (l) => str(l.row["cluster"]) },
  { id: "source", head: "Source", width: "minmax(70px, 150px)", wide: true, cell: (l) => h("span", { class: "ell mut" }, str(l.row["source"])), by: (l) => str(l.row["source"]) },
  { id: "last", head: "Last success", width: "96px", right: true, cell: age, by: (l) => str(l.row["last_success"]) || null },
  figure("interval", "Every", "76px", (r) => num(r["interval"]), (n) => (n === null ? "always" : duration(n))),
  figure("duration", "Took", "76px", (r) => num(r["duration"]), duration), figure("requests", "Requests", "84px", (r) => num(r["requests"]), count),
];

function outsideWords(r: Row): (Node | string | null)[] {
  const tasks = num(r["tasks"]) ?? 0;
  const words = [str(r["cluster"]), str(r["type"]), tasks ? `${count(tasks)} ${tasks === 1 ? "task" : "tasks"}` : ""].filter(Boolean).join(" · ");
  const why = str(r["failure"]);
  return [words, why ? h("span", { class: "flag v-stalled", title: why }, `${words ? " " : ""}${why}`) : null];
}

const broken = (r: Row): boolean => Boolean(num(r["failed_tasks"])) || /FAILED|ERROR/.test(str(r["state"]));

function stateTag(r: Row): HTMLElement {
  const failed = num(r["failed_tasks"]);
  if (!failed && !r["state"]) return unknown();
  return h("span", { class: broken(r) ? "flag v-stalled" : "" }, failed ? `${count(failed)} of ${count(num(r["tasks"]))} failed` : str(r["state"]));
}

const state: Column<Line> = { id: "state", head: "State", width: "116px", cell: (l) => stateTag(l.row), by: (l) => `${broken(l.row) ? 1 : 0}${str(l.row["state"])}` };

const outside = (view: string, age: Age): Column<Line>[] => [
  { id: "name", head: { connectors: "Connector", queries: "Query" }[view] ?? "System", width: "minmax(0, 1fr)", cell: (l) => named(pageOf(l.key), str(l.row["name"]), outsideWords(l.row), str(l.row["kind"])), by: (l) => str(l.row["name"]) },
  ...(view === "systems" ? [] : [state, { ...verdict, wide: true, cell: (l: Line) => (l.row["worst_verdict"] ? verdictTag(str(l.row["worst_verdict"])) : h("span", { class: "na" }, "no lag is known")) }]), team,
  ...(view === "systems" ? [] : [figure("lag", "Unread", "92px", (r) => num(r["lag"]), short)]),
  figure("inputs", "From", "72px", (r) => num(r["inputs"]), count), figure("outputs", "To", "72px", (r) => num(r["outputs"]), count),
  aged(age),
];

const DOES: Record<string, string> = { writes: "writes", reads: "reads", calls: "calls", derives: "feeds", replicates: "is copied to", dead_letters: "sends dead letters to" };

function mark(id: string, head: string): Column<Line> {
  return { id, head, width: "92px", wide: true, cell: (l) => (l.row[id] ? h("span", {}, "yes") : h("span", { class: "na" }, "no")), by: (l) => (l.row[id] ? 1 : 0) };
}

const drift = (): Column<Line>[] => [
  { id: "name", head: "Who does what", width: "minmax(0, 1.2fr)", cell: (l) => named(pageOf(str(l.row["id"])), str(l.row["who"]), [`${DOES[str(l.row["relation"])] ?? str(l.row["relation"])} ${str(l.row["thing"])}`], str(l.row["kind"])), by: (l) => str(l.row["who"]) },
  { id: "drift", head: "Drift", width: "168px", cell: (l) => { const found = driftOf(l.row["drift"]); return found ? h("span", { class: `flag ${found.css}` }, found.long) : h("span", { class: "na" }, "none"); }, by: (l) => str(l.row["drift"]) || null },
  mark("observed", "Seen"), mark("declared", "Declared"), mark("permitted", "Permitted"), team,
  { id: "sentence", head: "Evidence", width: "minmax(0, 1.6fr)", wide: true, cell: (l) => h("span", { class: "ell mut", title: str(l.row["sentence"]) }, str(l.row["sentence"])) },
];

export function columnsOf(view: string, age: Age): Column<Line>[] {
  if (view === "drift") return drift();
  if (["connectors", "queries", "systems"].includes(view)) return outside(view, age);
  if (view === "topics") return topics(age);
  if (view === "services") return services(age);
  return view === "teams" ? teams() : collectors(age);
}

