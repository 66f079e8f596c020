// The short tables on the pages of one thing.
import { ageTag } from "./ages.ts";
import { sampledAt } from "./context.ts";
import { h } from "./dom.ts";
import { count, duration, rate, short } from "./format.ts";
import { groupId, pageOf, topicId } from "./ids.ts";
import { caughtUp, losesData, type Prospect } from "./prospects.ts";
import type { LagRow, Row, State } from "./types.ts";
import { look, verdictTag } from "./verdict.ts";

type Cell = Node | string | null;

const MOST = 500;

export function table(title: string, note: string, heads: string[], rows: Cell[][]): HTMLElement {
  const right = (i: number): string | null => (heads[i]?.startsWith(">") ? "r num" : null);
  const body = rows.slice(0, MOST).map((cells) => h("tr", {}, ...cells.map((cell, i) => h("td", { class: right(i) }, cell))));
  const more = rows.length > MOST ? `, the first ${MOST} of ${count(rows.length)} shown` : "";
  return h("section", { class: "block" }, h("h2", {}, title, h("small", {}, `${note}${more}`)), h("div", { class: "tscroll" }, h("table", { class: "plaintable" }, h("thead", {}, h("tr", {}, ...heads.map((x, i) => h("th", { scope: "col", class: right(i) }, x.replace(/^>/, ""))))), h("tbody", {}, ...body))));
}

const rowsOf = (state: State, name: string): Row[] => Object.values(state.tables[name] ?? {});
const num = (v: unknown): number | null => (typeof v === "number" ? v : null);
const show = (text: string): Cell => (text === "unknown" ? h("span", { class: "na" }, text) : text);

const prospect = (p: Prospect): Cell => (p.seconds === null ? h("span", { class: "na", title: p.why || null }, p.words) : p.words);

export function lagTable(state: State, now: number, kind: string): HTMLElement | null {
  const rows = (rowsOf(state, "lag") as unknown as LagRow[]).sort((a, b) => look(b.verdict).danger - look(a.verdict).danger || (b.lag ?? -1) - (a.lag ?? -1));
  if (!rows.length) return null;
  const line = (r: LagRow): Cell[] => [
    verdictTag(r.verdict),
    h("div", { class: "two-lines" }, h("span", { class: "gt" }, kind === "group" ? null : h("a", { class: "nm", href: pageOf(groupId(r.cluster, r.group)) }, r.group), kind === "group" || kind === "topic" ? null : " reads ", kind === "topic" ? null : h("a", { class: "tp", href: pageOf(topicId(r.cluster, r.topic)) }, r.topic)), h("div", { class: "why" }, r.reason ?? "")),
    show(count(r.lag)), show(duration(r.time_lag)), r.rate_out === null ? show("unknown") : rate(r.rate_out), prospect(caughtUp(r)), prospect(losesData(r)), ageTag(sampledAt(state, r as never), now)];
  return table("Lag", "most endangered first", ["Verdict", kind === "topic" ? "Reader, and why" : "Topic, and why", ">Unread", ">Behind by", ">Reads", ">Caught up in", ">Loses data in", ">Age"], rows.map(line));
}

export function partitionsTable(state: State): HTMLElement | null {
  const rows = rowsOf(state, "partitions");
  if (!rows.length) return null;
  rows.sort((a, b) => String(a["topic"] ?? "").localeCompare(String(b["topic"] ?? "")) || Number(a["partition"]) - Number(b["partition"]));
  const positions = "committed" in rows[0]!;
  if (positions) return table("Positions", "every partition", ["Topic", ">Partition", ">Committed", ">Log end", ">Unread", ">Behind by", "Member"], rows.map((p) => [String(p["topic"] ?? ""), String(p["partition"]), show(count(num(p["committed"]))), show(count(num(p["log_end"]))), show(count(num(p["lag"]))), show(duration(num(p["time_lag"]))), h("span", { class: "ell mut" }, String(p["owner_member"] ?? ""))]));
  const list = (v: unknown): string => (Array.isArray(v) ? v.join(", ") : "unknown");
  const thin = (p: Row): Cell => (Array.isArray(p["isr"]) && Array.isArray(p["replicas"]) && p["isr"].length < p["replicas"].length ? h("span", { class: "flag v-behind" }, list(p["isr"])) : list(p["isr"]));
  const records = (p: Row): Cell => { const a = num(p["log_start"]), b = num(p["log_end"]); return show(short(a === null || b === null ? null : b - a)); };
  return table("Partitions", `${rows.length}`, [">Partition", ">Leader", "Replicas", "In sync", ">Log start", ">Log end", ">Offsets kept"], rows.map((p) => [String(p["partition"]), p["leader"] === null || p["leader"] === -1 ? h("span", { class: "flag v-stalled" }, "none") : String(p["leader"]), list(p["replicas"]), thin(p), show(count(num(p["log_start"]))), show(count(num(p["log_end"]))), records(p)]));
}

/** What the schema registry has of a topic: one row a subject. */
export function subjectsTable(state: State): HTMLElement | null {
  const rows = rowsOf(state, "subjects");
  if (!rows.length) return null;
  const list = (v: unknown): string => (Array.isArray(v) ? v.join(", ") : "");
  const version = (s: Row): Cell => (s["readable"] === false ? h("span", { class: "na" }, "may not be read") : show(num(s["version"]) === null ? "unknown" : `v${String(s["version"])}, id ${num(s["schema_id"]) ?? "unknown"}`));
  const level = (s: Row): Cell => show(String(s["compatibility"] || "unknown") + (s["own_level"] === true ? "" : s["compatibility"] ? ", the registry's" : ""));
  const links = (s: Row): string => [list(s["references"]) && `refers to ${list(s["references"])}`, list(s["referenced_by"]) && `used by ${list(s["referenced_by"])}`].filter(Boolean).join("; ");
  return table("Schemas", `${rows.length}`, ["Subject", "Of", "Newest version", "Type", "Compatibility", "References"], rows.map((s) => [h("span", { class: "nm" }, String(s["name"])), String(s["part"] ?? ""), version(s), String(s["type"] ?? ""), level(s), h("span", { class: "mut" }, links(s))]));
}

export function membersTable(state: State): HTMLElement | null {
  const rows = rowsOf(state, "members");
  if (!rows.length) return null;
  const assigned = (v: unknown): string => (Array.isArray(v) ? `${count(v.length)}` : typeof v === "object" && v !== null ? count(Object.values(v).reduce<number>((n, x) => n + (Array.isArray(x) ? x.length : 1), 0)) : "unknown");
  return table("Members", `${rows.length}`, ["Client id", "Host", "Instance", ">Partitions", "Member"], rows.map((m) => [String(m["client_id"] ?? ""), String(m["host"] ?? ""), String(m["instance_id"] ?? ""), show(assigned(m["assigned"])), h("span", { class: "mut" }, String(m["id"] ?? ""))]));
}

export function groupsTable(state: State): HTMLElement | null {
  const rows = Object.entries(state.tables["groups"] ?? {});
  if (!rows.length) return null;
  return table("Its consumer groups", `${rows.length}`, ["Group", "Cluster", "State", ">Members", ">Unread"], rows.map(([id, g]) => [h("a", { class: "nm", href: pageOf(id) }, String(g["name"])), String(g["cluster"]), g["describable"] === false ? "exists, cannot be described" : String(g["state"] ?? "unknown"), show(count(num(g["members"]))), show(short(num(g["lag"])))]));
}

export function ownedTable(state: State, name: string, title: string): HTMLElement | null {
  const rows = Object.entries(state.tables[name] ?? {});
  if (!rows.length) return null;
  const verdict = (r: Row): string | null => (r["worst_verdict"] ?? r["verdict"] ?? null) as string | null;
  rows.sort((a, b) => look(verdict(b[1]) ?? "ok").danger - look(verdict(a[1]) ?? "ok").danger || String(a[1]["name"]).localeCompare(String(b[1]["name"])));
  return table(title, `${rows.length}`, ["Name", "Cluster", "Worst verdict", ">Rate", ">Unread"], rows.map(([id, r]) => [h("a", { class: "nm", href: pageOf(id) }, String(r["name"])), String(r["cluster"] ?? ""), verdict(r) ? verdictTag(verdict(r)) : "", num(r["rate"] ?? r["rate_out"]) === null ? "" : rate(num(r["rate"] ?? r["rate_out"])), num(r["lag"]) === null ? "" : short(num(r["lag"]))]));
}

/** What stands before and behind a connector, a query or a system, and how we know. */
export function neighboursTable(state: State): HTMLElement | null {
  const rows = Object.entries(state.tables["neighbours"] ?? {}), into = state.tables["writers"] ?? {};
  if (!rows.length) return null;
  return table("What flows through", `${rows.length}`, ["", "Name", "Evidence", ">Rate", ">Unread", "Why"], rows.map(([key, r]) => [key in into ? "from" : "to", h("a", { class: "nm", href: pageOf(String(r["id"])) ?? `/map?focus=${encodeURIComponent(String(r["id"]))}` }, String(r["name"])), String(r["strength"]), num(r["rate"]) === null ? "" : rate(num(r["rate"])), num(r["lag"]) === null ? "" : count(num(r["lag"])), h("div", { class: "why" }, String(r["sentence"] ?? ""))]));
}

const LASTING = new Set(["retention.ms", "segment.ms", "delete.retention.ms", "min.compaction.lag.ms", "max.compaction.lag.ms", "local.retention.ms"]);

export function configs(state: State): HTMLElement | null {
  const rows = rowsOf(state, "configs");
  if (!rows.length) return null;
  const plain = (r: Row): string => {
    const value = r["value"] === null || r["value"] === undefined ? "unknown" : String(r["value"]), ms = Number(value);
    return LASTING.has(String(r["name"])) && Number.isFinite(ms) ? (ms < 0 ? "without end" : duration(ms / 1000)) : value;
  };
  return h("section", {}, h("h3", {}, "Config"), h("dl", { class: "kv" }, ...rows.flatMap((r) => [h("dt", {}, String(r["name"])), h("dd", {}, h("b", {}, plain(r)))])));
}

