import assert from "node:assert/strict";
import { test } from "node:test";
import { byCause } from "../src/alertcauses.ts";
import type { AlertRow } from "../src/alertparts.ts";
import { placesOf, type Firing } from "../src/firing.ts";

const row = (id: string, cause: string | null = null, state = "firing", fired_at = `2026-01-31T12:0${id.length}:00Z`): AlertRow => ({ id, cause, state, fired_at }) as AlertRow;
const shape = (rows: AlertRow[]): [string, string[]][] => byCause(rows).map((c) => [c.row.id, c.explains.map((e) => e.id)]);

test("what a cause explains stands under the first of a chain, the oldest first", () => {
  assert.deepEqual(shape([row("a"), row("ccc", "bb"), row("bb", "a"), row("d")]), [["a", ["bb", "ccc"]], ["d", []]]);
});

test("a cause that does not fire hides nothing", () => {
  assert.deepEqual(shape([row("a", null, "pending"), row("b", "a"), row("c", "gone")]), [["b", []], ["c", []]]);
});

test("causes in a ring lose nobody", () => {
  const found = shape([row("a", "b"), row("b", "a"), row("c", "a")]).flatMap(([id, under]) => [id, ...under]).sort();
  assert.deepEqual(found, ["a", "b", "c"]);
});

test("on the map an alert stands at the reader, else at the topic, else at its team", () => {
  const f = { things: ["lag:c/g/t", "group:c/g", "topic:c/t", "service:s", "team:x"] } as unknown as Firing;
  assert.deepEqual(placesOf(f, { "service:s": 1, "topic:c/t": 1 }), ["service:s"]);
  assert.deepEqual(placesOf(f, { "topic:c/t": 1, "team:x": 1 }), ["topic:c/t"]);
  assert.deepEqual(placesOf(f, { "team:x": 1 }), ["team:x"]);
  assert.deepEqual(placesOf(f, {}), []);
});
