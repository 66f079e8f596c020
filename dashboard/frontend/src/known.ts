// What ACLs, producers, topologies and share groups tell of a topic, a group or a service: short tables of its page.
import { ageTag } from "./ages.ts";
import { h } from "./dom.ts";
import { count } from "./format.ts";
import { nameOf, pageOf } from "./ids.ts";
import { table } from "./tables.ts";
import type { Row, State } from "./types.ts";

const rowsOf = (state: State, name: string): Row[] => Object.values(state.tables[name] ?? {});
const num = (v: unknown): number | null => (typeof v === "number" ? v : null);
const str = (v: unknown): string => (typeof v === "string" ? v : "");
const unknown = (v: unknown): Node | string => (v === null || v === undefined || v === "" ? h("span", { class: "na" }, "unknown") : String(v));

function things(value: unknown): Node | string {
  const ids = Array.isArray(value) ? value.map(String) : [];
  return ids.length ? h("div", {}, ...ids.map((id) => h("div", {}, h("a", { href: pageOf(id) ?? "#" }, nameOf(id))))) : "none known";
}

/** Transactions that nobody will end: readers of committed records wait behind them. */
export function hangingTable(state: State, now: number): HTMLElement | null {
  const rows = rowsOf(state, "hanging");
  return rows.length ? table("Hanging transactions", "readers of committed records wait behind them", [">Partition", ">Producer id", "Transactional id", ">Open since"], rows.map((r) => [String(r["partition"]), String(r["producer_id"]), unknown(r["transactional_id"]), ageTag(str(r["since"]), now)])) : null;
}

export function permissionsTable(state: State): HTMLElement | null {
  const rows = rowsOf(state, "permissions");
  const line = (r: Row): (Node | string)[] => (num(r["more"]) ? [str(r["may"]), h("span", { class: "mut" }, `and ${count(num(r["more"]))} more`), "", ""] : [str(r["may"]), str(r["principal"]), str(r["pattern"]), r["host"] === "*" ? "any" : str(r["host"])]);
  return rows.length ? table("Who may, by ACLs", "may is not does; super users stand in no ACL", ["May", "Principal", "On topics", "From host"], rows.map(line)) : null;
}

/** How many writers a topic has, as far as producer ids tell. */
export function producersLine(info: Row): HTMLElement | null {
  const active = num(info["active_producers"]), named = num(info["named_producers"]), open = num(info["open_transactions"]);
  if (active === null) return null;
  const said = `${count(active)} producer ${active === 1 ? "id" : "ids"} wrote within an hour, ${count(named)} with a transactional id${open ? `; ${count(open)} with a transaction open` : ""}. Producers without idempotence leave no trace.`;
  return h("p", { class: "mut" }, said);
}

/** Whose inner business a topic is. */
export function belongs(info: Row): HTMLElement | null {
  const id = str(info["application"]);
  return id ? h("div", { class: "facts" }, h("span", {}, `${str(info["role"])} of `, h("a", { href: pageOf(id) ?? "#" }, nameOf(id)), info["role"] === "changelog" ? `, store ${str(info["store"])}` : "")) : null;
}

export function applicationTable(state: State): HTMLElement | null {
  const rows = rowsOf(state, "application");
  if (!rows.length) return null;
  const stores = (r: Row): Node | string => (Array.isArray(r["stores"]) && r["stores"].length ? h("div", {}, ...r["stores"].map((x) => h("div", {}, String(x)))) : "none known");
  const sinks = (r: Row): Node | string => (r["description"] === "available" ? h("div", {}, things(r["sinks"]), r["dynamic"] ? h("div", {}, "and topics chosen record by record") : "") : h("span", { class: "na" }, r["description"] === null ? "not told by this broker" : str(r["description"])));
  const lines = (r: Row): (Node | string)[][] => {
    const group = (): Node => h("a", { href: pageOf(str(r["group"])) ?? "#" }, nameOf(str(r["group"])));
    const told: [string, Node | string][] = [["Built with", unknown(r["framework"])], ["State stores", stores(r)], ["Inner topics", things(r["inner_topics"])], ["Sinks of its topology", sinks(r)]];
    return told.map(([what, which], i) => [i ? "" : group(), what, which]);
  };
  return table("As a streams application", "what its topology and its inner topics tell", ["Group", "What", "Which"], rows.flatMap(lines));
}

export function sharesTable(state: State): HTMLElement | null {
  const rows = rowsOf(state, "shares");
  rows.sort((a, b) => str(a["topic"]).localeCompare(str(b["topic"])) || Number(a["partition"]) - Number(b["partition"]));
  const shown = (v: unknown): Node | string => (num(v) === null ? unknown(null) : count(num(v)));
  return rows.length ? table("Share group's positions", "as its coordinator tells them", ["Topic", ">Partition", ">Start offset", ">Unread"], rows.map((r) => [str(r["topic"]), String(r["partition"]), shown(r["start"]), shown(r["lag"])])) : null;
}

/** What the records looked at last hold: kinds of keys and values, and how many of them are null. */
export function recordsLine(info: Row): HTMLElement | null {
  const said = (["key", "value"] as const).flatMap((part) => {
    const kinds = info[`${part}_kinds`], share = num(info[`null_${part}s`]);
    const named = Array.isArray(kinds) ? kinds.map(String).filter((k) => k !== "null").join(", ") : "";
    if (!Array.isArray(kinds) && share === null) return [];
    const none = share === null ? "" : share > 0 ? `${Math.max(1, Math.round(share * 100))} % null` : named ? "none null" : "";
    return [`${part}s: ${[named || "no kind known", none].filter(Boolean).join(", ")}`];
  });
  return said.length ? h("p", { class: "mut" }, `Sampled ${said.join("; ")}.`) : null;
}

const SCHEMA: Record<string, string> = {
  unknown: "the registry does not know this id", unnamed: "in the registry, which does not say under which subject", unasked: "not looked up yet",
  guid: "a GUID, which is not looked up", no_registry: "no registry is configured for this cluster",
};

/** Schema ids met in records, with the registry's subjects and versions. */
export function schemasTable(state: State): HTMLElement | null {
  const rows = rowsOf(state, "schemas");
  const subjects = (r: Row): Node | string => {
    const named = Array.isArray(r["subjects"]) ? r["subjects"].map(String) : [];
    if (named.length) return h("div", {}, ...named.map((x) => h("div", { class: "nm" }, x)));
    return h("span", { class: r["state"] === "unknown" ? "flag v-behind" : "na" }, SCHEMA[str(r["state"])] ?? "unknown");
  };
  return rows.length ? table("Schemas met in records", "sampled; ids are the registry's", [">Id", "Subject and version"], rows.map((r) => [String(r["schema_id"]), subjects(r)])) : null;
}
