import assert from "node:assert/strict";
import { test } from "node:test";
import { age, bytes, clock, count, duration, many, rate, setUtc, short } from "../src/format.ts";
import { groupId, nameOf, pageOf, topicId } from "../src/ids.ts";

test("unknown is said in a word, never as 0", () => {
  for (const show of [count, short, bytes, rate, duration]) assert.equal(show(null), "unknown");
  assert.equal(count(0), "0");
  assert.equal(rate(0), "0/s");
});

test("durations have at most two units", () => {
  assert.deepEqual([0.3, 42, 90, 1320, 6960, 9480, 86_400, 604_800 + 3600].map(duration), ["0.3 s", "42 s", "1 min 30 s", "22 min", "1 h 56 min", "2 h 38 min", "1 d", "7 d 1 h"]);
  assert.equal(duration(59.7), "1 min");
});

test("numbers shorten above ten thousand", () => {
  assert.deepEqual([61, 9_120, 25_200, 1_381_204, 2.85e9].map(short), ["61", "9,120", "25.2 k", "1.38 M", "2.85 G"]);
  assert.deepEqual([999, 4.1e9].map(bytes), ["999 B", "4.10 GB"]);
  assert.deepEqual([0.01, 0.4, 198.2, 5120].map(rate), ["<0.1/s", "0.4/s", "198/s", "5,120/s"]);
});

test("an age counts whole seconds and never is negative", () => {
  assert.deepEqual([null, 0.2, 4.9, 65].map(age), ["never", "now", "4 s", "1 min 5 s"]);
});

test("clocks are UTC unless switched", () => {
  setUtc(true);
  assert.equal(clock(Date.UTC(2026, 5, 17, 14, 32, 10)), "14:32:10");
});

test("ids keep odd names whole", () => {
  assert.equal(groupId("c", "a/b%"), "group:c/a%2Fb%25");
  assert.equal(nameOf(groupId("c", "a/b%")), "a/b%");
  assert.equal(pageOf(topicId("c", "orders v1")), "/topics/topic%3Ac%2Forders%20v1");
  assert.equal(pageOf("writer:c/t"), null);
  assert.equal(nameOf("group:c/%FF"), "%FF");
});

test("one or many", () => {
  assert.deepEqual([many(1, "topic"), many(2_000, "topic"), many(1, "query"), many(2, "query")], ["1 topic", "2,000 topics", "1 query", "2 queries"]);
});
