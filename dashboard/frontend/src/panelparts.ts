// Pieces of the side panel, shared with the pages of a topic, a group and a service.
import { h, icon } from "./dom.ts";
import { driftOf } from "./drift.ts";
import { bytes, count, duration, many, rate, short } from "./format.ts";
import { kindOf, nameOf, pageOf } from "./ids.ts";
import { evidenceLine, kindShape, teamTag } from "./parts.ts";
import type { LagRow, Row, State } from "./types.ts";
import { inTrouble, look, verdictTag } from "./verdict.ts";

const num = (v: unknown): number | null => (typeof v === "number" ? v : null);
const str = (v: unknown): string | null => (typeof v === "string" && v ? v : null);

const KINDS: Record<string, string> = { topic: "Topic", group: "Consumer group", service: "Service", connector: "Connector", query: "ksqlDB query", system: "System outside Kafka", writer: "Unknown writer", team: "Team", fold: "Folded by name" };

export function keeps(info: Row): string | null {
  const configs = (info["configs"] ?? {}) as Record<string, unknown>;
  const cleanup = str(info["cleanup"]) ?? str(configs["cleanup.policy"]);
  const ms = num(info["retention_ms"]) ?? (configs["retention.ms"] === undefined ? null : Number(configs["retention.ms"]));
  if (cleanup && !cleanup.includes("delete")) return "compacted";
  if (ms === null) return null;
  return `keeps ${ms < 0 ? "everything" : duration(ms / 1000)}${cleanup?.includes("compact") ? ", compacted" : ""}`;
}

export function facts(info: Row): HTMLElement {
  const kind = str(info["kind"]) ?? "", out: (Node | string | null)[] = [info["transactional_id"] ? "Writer, known by its transactional id" : KINDS[kind] ?? kind];
  if (kind !== "team" && kind !== "writer") out.push(teamTag(str(info["team"]), true));
  const cluster = str(info["cluster"]);
  if (cluster) out.push(`in ${cluster}`);
  const partitions = num(info["partitions"]), members = info["members"];
  if (partitions !== null) out.push(many(partitions, "partition"));
  out.push(keeps(info));
  const state = str(info["state"]), type = str(info["type"]);
  if (type && type !== "unknown") out.push(type);
  for (const told of [str(info["framework"]), info["assignor"] ? `assigned by ${str(info["assignor"])}` : null]) if (told) out.push(told);
  if (state) out.push(info["describable"] === false ? "exists, cannot be described" : state);
  if (typeof members === "number") out.push(many(members, "member"));
  else if (kind === "group" && info["describable"] === false) out.push("members unknown");
  if (info["stale"]) out.push("not seen lately");
  return h("div", { class: "facts" }, ...out.filter((x) => x !== null).map((x) => (typeof x === "string" ? h("span", {}, x) : x)));
}

const lagRows = (state: State): LagRow[] => Object.values(state.tables["lag"] ?? {}) as unknown as LagRow[];

/** The worst of its reads, with its deadline and its reason: what comes first. */
export function alarm(state: State): HTMLElement | null {
  const worst = lagRows(state).filter((l) => inTrouble(l.verdict)).sort((a, b) => look(b.verdict).danger - look(a.verdict).danger)[0];
  if (!worst) return null;
  const v = look(worst.verdict), deadline = worst.verdict === "will_lose_data" && worst.loss_in !== null;
  const big = deadline ? `Loses data in ${duration(worst.loss_in)}` : v.word;
  const beside = deadline ? null : worst.time_lag !== null ? `${duration(worst.time_lag)} behind` : worst.lag !== null ? `${short(worst.lag)} behind` : null;
  return h("section", { class: `alarm ${v.css}` }, h("div", { class: "big" }, icon(v.css), big, beside ? h("span", { class: "num" }, beside) : null), h("p", {}, `${worst.group} on ${worst.topic}: ${worst.reason ?? v.word}`));
}

function figure(metric: string, label: string, value: string, unit: string, age: Node | null): HTMLElement {
  return h("div", {}, h("dt", {}, label, age), h("dd", { "data-metric": metric }, h("span", { class: value === "unknown" ? "f na" : "f" }, value, unit ? h("small", {}, ` ${unit}`) : null)));
}

function split(text: string): [string, string] {
  const at = text.search(/[ \u202f/]/);
  return at < 0 || text === "unknown" ? [text, ""] : [text.slice(0, at), text.slice(at).trim()];
}

/** The large numbers that this kind of thing has; unknown is said. */
export function numbers(info: Row, age: Node): HTMLElement | null {
  const of: [string, string, string][] = [
    ["rate", info["kind"] === "topic" ? "Written" : "Rate", rate(num(info["rate"]))], ["records", "Records kept", short(num(info["records"]))], ["size", "On disk", bytes(num(info["size"]))],
    ["lag", "Unread", short(num(info["lag"]))], ["under_replicated", "Under-replicated", count(num(info["under_replicated"]))], ["offline", "Offline", count(num(info["offline"]))],
    ["producers", "Producer ids", count(num(info["producers"]))], ["services", "Services", count(num(info["services"]))], ["topics", "Topics", count(num(info["topics"]))],
  ];
  const shown = of.filter(([name]) => name in info && (typeof info[name] === "number" || info[name] === null));
  if (!shown.length) return null;
  return h("dl", { class: "nums" }, ...shown.map(([metric, label, text]) => figure(metric, label, ...split(text), age.cloneNode(true))));
}

/** ``declared only`` and its like, where what is said and what is seen part. */
function driftTag(drift: unknown): HTMLElement | null {
  const found = driftOf(drift);
  return found ? h("span", { class: `drift ${found.css}`, title: found.long }, icon(found.icon, "i s"), found.word) : null;
}

function evidenceOf(state: State, edge: string): Row[] {
  return Object.values(state.tables["evidence"] ?? {}).filter((e) => e["edge"] === edge);
}

/** Who stands at the other end of each edge, its lag, and why it is believed. */
export function peers(state: State, table: string, pick: (id: string) => void, relation?: string): HTMLElement[] {
  const rows = Object.entries(state.tables[table] ?? {}).filter(([, row]) => !relation || row["relation"] === relation);
  rows.sort((a, b) => look(str(b[1]["verdict"]) ?? "ok").danger - look(str(a[1]["verdict"]) ?? "ok").danger || (num(b[1]["rate"]) ?? 0) - (num(a[1]["rate"]) ?? 0) || (a[0] < b[0] ? -1 : 1));
  return rows.map(([key, row]) => peer(state, key, row, pick));
}

function peer(state: State, key: string, row: Row, pick: (id: string) => void): HTMLElement {
  const id = str(row["id"]) ?? key, kind = str(row["kind"]) ?? kindOf(id), name = str(row["name"]) ?? nameOf(id);
  const link = h("a", { href: pageOf(id) ?? `/map?focus=${encodeURIComponent(id)}`, click: (event) => {
    if ((event as MouseEvent).metaKey || (event as MouseEvent).ctrlKey) return;
    event.preventDefault();
    pick(id);
  } }, name);
  const verdict = str(row["verdict"]), lag = num(row["lag"]), time = num(row["time_lag"]), error = num(row["time_lag_error"]);
  const behind = [lag === null ? null : short(lag), time === null ? null : `${duration(time)}${error ? ` ± ${duration(error)}` : ""}`].filter(Boolean).join(" · ");
  const strength = str(row["strength"]) ?? "observed", sentence = str(row["sentence"]);
  const said = evidenceOf(state, key).map((e) => str(e["detail"])).filter((x): x is string => !!x && x !== sentence && !sentence?.includes(x));
  const why = [...new Set([sentence, ...said].filter((x): x is string => !!x))];
  return h("div", { class: row["stale"] ? "peer stale" : "peer" }, kindShape(kind),
    h("div", { class: "who" }, link, kind === "writer" ? null : teamTag(str(row["team"])), driftTag(row["drift"])),
    h("div", { class: "r num" }, num(row["rate"]) === null ? "" : rate(num(row["rate"]))),
    verdict ? h("div", { class: "lagline" }, verdictTag(verdict), h("span", { class: "num mut" }, behind)) : null,
    ...(why.length ? why : [`${strength[0]!.toUpperCase()}${strength.slice(1)}.`]).map((text) => h("div", { class: "ev" }, evidenceLine(strength), `${text[0]?.toUpperCase() ?? ""}${text.slice(1)}`)));
}
