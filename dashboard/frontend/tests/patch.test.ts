import assert from "node:assert/strict";
import { test } from "node:test";
import { applyPatch, fromFrame } from "../src/patch.ts";
import type { FrameMessage } from "../src/types.ts";

const frame: FrameMessage = {
  type: "frame", at: "2026-01-01T00:00:00.000Z", tick: 1, meta: { fresh: [1, 2], title: "Lag" },
  tables: { rows: { a: { lag: 1 }, b: { lag: 2 } }, clusters: { c: { name: "c" } } },
};

test("a patch sets, adds and deletes rows and leaves other tables as they are", () => {
  const before = fromFrame(frame);
  const after = applyPatch(before, { type: "patch", at: "2026-01-01T00:00:01.000Z", tick: 2, tables: { rows: { set: { a: { lag: 9 }, d: { lag: 4 } }, del: ["b"] } }, meta: { fresh: [2, 2] } });
  assert.deepEqual(after.tables, { rows: { a: { lag: 9 }, d: { lag: 4 } }, clusters: { c: { name: "c" } } });
  assert.equal(after.tables["clusters"], before.tables["clusters"]);
  assert.deepEqual(after.meta, { fresh: [2, 2], title: "Lag" });
  assert.equal(after.tick, 2);
});

test("the state before a patch stays what it was", () => {
  const before = fromFrame(frame), text = JSON.stringify(before);
  applyPatch(before, { type: "patch", at: "x", tick: 3, tables: { rows: { del: ["a"] }, fresh: { set: { z: {} } } } });
  assert.equal(JSON.stringify(before), text);
});

test("a table that a patch names for the first time is made", () => {
  const after = applyPatch(fromFrame(frame), { type: "patch", at: "x", tick: 3, tables: { nodes: { set: { n: { x: 1 } } } } });
  assert.deepEqual(after.tables["nodes"], { n: { x: 1 } });
});

test("rows under names of the object prototype are rows like others", () => {
  const after = applyPatch(fromFrame(frame), { type: "patch", at: "x", tick: 3, tables: JSON.parse('{"rows":{"set":{"__proto__":{"lag":7},"constructor":{"lag":8}}}}') });
  assert.equal(after.tables["rows"]!["constructor"]!["lag"], 8);
  assert.ok(Object.keys(after.tables["rows"]!).includes("__proto__"));
});
