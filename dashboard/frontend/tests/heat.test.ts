import assert from "node:assert/strict";
import { test } from "node:test";
import { cellAt, labelled, level, timesOn, topOf } from "../src/heatscale.ts";
import { place, runs } from "../src/names.ts";
import { moment, sameStretch } from "../src/stretch.ts";

test("nothing is the coolest, the most the hottest, unknown is neither", () => {
  assert.equal(level(0, 100), 0);
  assert.equal(level(null, 100), null);
  assert.equal(level(100, 100), 6);
  assert.equal(level(1e9, 100), 6);
  assert.equal(level(0.001, 100), 1);
});

test("a warmer colour never means less", () => {
  const levels = Array.from({ length: 1000 }, (_, i) => level(i, 999)!);
  levels.forEach((each, i) => assert.ok(i === 0 || each >= levels[i - 1]!));
  assert.deepEqual([...new Set(levels)], [0, 1, 2, 3, 4, 5, 6]);
});

test("a few unread records are not hot", () => {
  assert.equal(topOf([[0, 5, null]], "lag"), 100);
  assert.equal(topOf([[0, 5, null], [7000]], "lag"), 7000);
  assert.equal(topOf([], "time_lag"), 60);
});

test("a point is in the cell under it or in none", () => {
  const box = { left: 40, top: 0, wide: 100, tall: 20 };
  assert.deepEqual(cellAt(40, 0, box, 10, 2), [0, 0]);
  assert.deepEqual(cellAt(139.9, 19.9, box, 10, 2), [9, 1]);
  assert.equal(cellAt(39, 5, box, 10, 2), null);
  assert.equal(cellAt(141, 5, box, 10, 2), null);
  assert.equal(cellAt(50, 20, box, 10, 2), null);
});

test("labels stand at both ends and fit between", () => {
  assert.deepEqual(labelled(0, 9), []);
  assert.deepEqual(labelled(1, 9), [0]);
  assert.deepEqual(labelled(3, 9), [0, 1, 2]);
  for (const rows of [2, 24, 77, 200]) {
    const out = labelled(rows, 8);
    assert.ok(out.length <= 9 && out[0] === 0 && out.at(-1) === rows - 1);
    assert.deepEqual(out, [...new Set(out)].sort((a, b) => a - b));
  }
});

test("times on an axis are round and not too many", () => {
  for (const length of [60_000, 3_600_000, 86_400_000, 30 * 86_400_000]) {
    const out = timesOn(1_000_000_007, 1_000_000_007 + length, 6);
    assert.ok(out.length > 0 && out.length <= 7);
    assert.ok(out.every((t) => t % 15_000 === 0));
  }
});

test("a name in a sentence is found as a word of its own", () => {
  assert.equal(place("group orders began to read orders.v2", "orders", "group"), 6);
  assert.equal(place("group a began to read orders.v2 and orders", "orders", "topic"), 36);
  assert.equal(place("Topic orders: x", "orders", "topic"), 6);
  assert.equal(place("payments' lag verdict", "payments", "group"), 0);
  assert.equal(place("group my-orders", "orders", "topic"), -1);
});

test("partitions are told as runs", () => {
  assert.equal(runs([3, 1, 2, 0, 7]), "0 to 3, 7");
  assert.equal(runs([4, 5]), "4, 5");
  assert.equal(runs([]), "");
});

test("a range of the address is a time or a span back", () => {
  assert.equal(moment("-15m", 1_000_000), 100_000);
  assert.equal(moment("1970-01-01T00:00:01Z", 0), 1000);
  assert.equal(moment("", 5), null);
  assert.equal(moment("live", 5), null);
  assert.ok(sameStretch({ from: 0, to: 1000 }, { from: 5, to: 1005 }));
  assert.ok(!sameStretch({ from: 0, to: 1000 }, { from: 50, to: 1050 }));
  assert.ok(!sameStretch({ from: 0, to: 1 }, null));
});
