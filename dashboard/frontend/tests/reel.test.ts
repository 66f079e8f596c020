import assert from "node:assert/strict";
import { test } from "node:test";
import { indented, Reel, type RecordRow, type RecordsAnswer } from "../src/reel.ts";

const nothing = { kind: "null", size: 0, text: null, schema_id: null, schema_name: null, truncated: false, masked: 0, error: null };
const row = (partition: number, offset: number, at: number | null): RecordRow => ({ partition, offset, at: at === null ? null : new Date(at).toISOString(), clock: "create", size: 0, key: nothing, value: nothing, headers: [] });
const page = (items: RecordRow[], ended = false, newer = "n", older = "o"): RecordsAnswer => ({ payloads: "shown", partitions: 1, items, newer, older, ended, stopped: "", bytes: 0, seconds: 0, error: "", remedy: "" });

test("the playhead passes records by their time, and never one before those that stand before it", () => {
  const reel = new Reel();
  reel.append(page([row(0, 1, 1000), row(1, 1, 3000), row(0, 2, 2000), row(1, 2, null), row(0, 3, 4000)]));
  assert.deepEqual(reel.held.map((x) => x.stands), [1000, 3000, 3000, 3000, 4000]);
  assert.deepEqual([999, 1000, 2999, 3000, 4000, Infinity].map((t) => reel.passed(t)), [0, 1, 1, 4, 5, 5]);
});

test("pages join on both sides, and what is too much goes on the other side with its cursor", () => {
  const reel = new Reel(), many = (from: number, n: number): RecordRow[] => Array.from({ length: n }, (_, i) => row(0, from + i, 1000 * (from + i)));
  reel.start("n0", "o0");
  reel.append(page(many(1000, 400), false, "n1"));
  reel.prepend(page(many(900, 100), false, "x", "o1"));
  assert.deepEqual([reel.held.length, reel.newer, reel.older], [500, "n1", "o1"]);
  reel.append(page(many(1400, 300), true, "n2"));
  assert.deepEqual([reel.held.length, reel.held[0]!.row.offset, reel.newer, reel.older, reel.ended], [600, 1100, "n2", "", true]);
  reel.prepend(page(many(1000, 100), true, "x", "o2"));
  assert.deepEqual([reel.held.length, reel.held.at(-1)!.row.offset, reel.newer, reel.began, reel.ended], [600, 1599, "", true, false]);
});

test("it is known how far every record is known, and when to read on", () => {
  const reel = new Reel();
  assert.deepEqual([reel.known(), reel.covers(5), reel.low(0, 1)], [-Infinity, false, false]);
  reel.start("n", "o");
  assert.equal(reel.low(0, 1), true);
  reel.append(page(Array.from({ length: 50 }, (_, i) => row(0, i, 1000 + 1000 * i))));
  assert.deepEqual([reel.known(), reel.covers(999), reel.covers(1000), reel.covers(50_001)], [50_000, false, true, false]);
  assert.deepEqual([reel.low(1000, 1), reel.low(1000, 60), reel.low(40_000, 1)], [false, true, true]);
  reel.append(page([], true));
  assert.deepEqual([reel.known(), reel.covers(60_000), reel.low(49_000, 60)], [Infinity, true, false]);
});

test("JSON is laid out by its text alone", () => {
  assert.equal(indented('{"a":12345678901234567890,"b":["x,{",{}],"c":"\\""}'), '{\n  "a": 12345678901234567890,\n  "b": [\n    "x,{",\n    {}\n  ],\n  "c": "\\""\n}');
  assert.equal(indented('{"a":["cut o'), '{\n  "a": [\n    "cut o');
  assert.equal(indented("[]"), "[]");
});
