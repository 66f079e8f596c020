// What is particular to connectors, queries and systems outside Kafka.
import { h, icon } from "./dom.ts";
import { groupId, pageOf, topicId } from "./ids.ts";
import { table } from "./tables.ts";
import type { Row, State } from "./types.ts";

const WORDS: Record<string, string> = {
  address: "Address", debezium: "In Debezium's records", class: "Class", worker: "Runs on", group: "Consumer group", dead_letters: "Dead letters to", topics_regex: "Topics matching", first_seen: "First seen", told_by: "Told by",
};
const ELSEWHERE = new Set(["id", "kind", "name", "cluster", "team", "owner_source", "stale", "tasks", "failure", "known_as", "figures", "type", "state"]);

const text = (v: unknown): string | null => (typeof v === "string" || typeof v === "number" ? String(v) || null : Array.isArray(v) && v.every((x) => typeof x === "string") ? v.join(", ") || null : null);

function value(info: Row, name: string, said: string): Node | string {
  const cluster = String(info["cluster"] ?? "");
  const id = name === "group" ? groupId(cluster, said) : name === "dead_letters" ? topicId(cluster, said) : null;
  if (name === "first_seen") return said.slice(0, 19).replace("T", " ");
  return id ? h("a", { href: pageOf(id) }, said) : said;
}

/** Everything that its source told of it. */
export function about(info: Row): HTMLElement | null {
  const rows = Object.entries(info).flatMap(([name, v]) => { const said = ELSEWHERE.has(name) ? null : text(v); return said ? [{ name, said }] : []; });
  if (info["kind"] === "system") rows.unshift({ name: "address", said: String(info["id"]).replace(/^system:/, "") });
  if (!rows.length) return null;
  return h("section", {}, h("h3", {}, "What it is"), h("dl", { class: "kv" }, ...rows.flatMap(({ name, said }) => [h("dt", {}, WORDS[name] ?? name.replace(/_/g, " ")), h("dd", {}, h("b", {}, value(info, name, said)))])));
}

/** Why a connector stands still: the first line of what its task said. */
export function failure(info: Row): HTMLElement | null {
  if (info["kind"] !== "connector" || info["state"] !== "FAILED") return null;
  const tasks = Array.isArray(info["tasks"]) ? (info["tasks"] as Row[]) : [], failed = tasks.filter((t) => t["state"] === "FAILED").length;
  const beside = failed ? `${failed} of ${tasks.length} task${tasks.length === 1 ? "" : "s"}` : null;
  return h("section", { class: "alarm v-stalled" }, h("div", { class: "big" }, icon("v-stalled"), "Failed", beside ? h("span", { class: "num" }, beside) : null), h("p", {}, String(info["failure"] ?? "its worker gives no reason")));
}

/** A connector's tasks. */
export function tasksTable(state: State): HTMLElement | null {
  const rows = Object.values(state.tables["tasks"] ?? {});
  if (!rows.length) return null;
  rows.sort((a, b) => Number(a["id"]) - Number(b["id"]));
  const shown = (t: Row): Node | string => (t["state"] === "FAILED" ? h("span", { class: "flag v-stalled" }, "FAILED") : String(t["state"] ?? "unknown"));
  return table("Tasks", `${rows.length}`, [">Task", "State", "Runs on", "Why"], rows.map((t) => [String(t["id"]), shown(t), String(t["worker"] ?? ""), h("div", { class: "why" }, String(t["failure"] ?? ""))]));
}
