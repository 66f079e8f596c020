import assert from "node:assert/strict";
import { test } from "node:test";
import { gathered, length, LONGEST, markWidth, moved, partOf, rung, SHORTEST, ticks, timeAt, valueAt, within, zoomed } from "../src/span.ts";

const HOUR = 3_600_000, BEGIN = 1_000 * HOUR, END = 1_100 * HOUR;

test("a time and its place in the span lead to each other", () => {
  const span = { from: BEGIN, to: BEGIN + HOUR };
  assert.equal(timeAt(span, 0.25), BEGIN + HOUR / 4);
  assert.equal(partOf(span, timeAt(span, 0.7)), 0.7);
});

test("zooming keeps the moment under the pointer where it is", () => {
  const span = { from: BEGIN + 20 * HOUR, to: BEGIN + 30 * HOUR }, pivot = BEGIN + 22 * HOUR;
  const near = zoomed(span, 0.5, pivot, BEGIN, END);
  assert.equal(length(near), 5 * HOUR);
  assert.equal(partOf(near, pivot), partOf(span, pivot));
});

test("zooming stops at five minutes and at a year, and never shows what is to come", () => {
  let span = { from: END - HOUR, to: END };
  for (let i = 0; i < 40; i += 1) span = zoomed(span, 0.5, END, BEGIN, END);
  assert.equal(length(span), SHORTEST);
  for (let i = 0; i < 40; i += 1) span = zoomed(span, 2, END, BEGIN, END);
  assert.equal(length(span), LONGEST);
  assert.equal(span.to, END);
});

test("panning stops where the tape ends on both sides", () => {
  const span = { from: END - 2 * HOUR, to: END };
  assert.equal(moved(span, 10 * HOUR, BEGIN, END).to, END);
  assert.equal(moved(span, -1000 * HOUR, BEGIN, END).from, BEGIN);
});

test("a tape shorter than the span stands at its right edge", () => {
  assert.deepEqual(within({ from: 0, to: 1 }, END - 1000, END), { from: END - SHORTEST, to: END });
});

test("the ladder of lengths goes up and down and stops", () => {
  assert.equal(rung({ from: 0, to: HOUR }, 1), 3 * HOUR);
  assert.equal(rung({ from: 0, to: HOUR }, -1), HOUR / 2);
  assert.equal(rung({ from: 0, to: SHORTEST }, -1), SHORTEST);
  assert.equal(rung({ from: 0, to: LONGEST }, 1), LONGEST);
});

test("there are a few ticks at every length", () => {
  for (const wide of [SHORTEST, HOUR, 24 * HOUR, 7 * 24 * HOUR, LONGEST]) {
    const n = ticks({ from: END - wide, to: END }).length;
    assert.ok(n >= 3 && n <= 8, `${wide}: ${n}`);
  }
});

test("near changes become one mark that says how many they are", () => {
  const marks = [{ at: 100, count: 1, label: "a" }, { at: 105, count: 2, label: "b" }, { at: 300, count: 1, label: "c" }];
  assert.deepEqual(gathered(marks, 1), [{ at: 100, count: 3, label: "3 changes" }, { at: 300, count: 1, label: "c" }]);
  assert.equal(marks[0]?.count, 1);
});

test("no two marks touch, however wide their numbers are", () => {
  const pair = (apart: number): number => gathered([{ at: 0, count: 34, label: "a" }, { at: apart, count: 128, label: "b" }], 1).length;
  assert.equal(pair(28), 1);
  assert.equal(pair(30), 2);
  const crowd = gathered(Array.from({ length: 900 }, (_, i) => ({ at: i * 7 + (i % 5), count: 1 + (i % 13), label: "x" })), 1);
  assert.equal(crowd.reduce((sum, mark) => sum + mark.count, 0), Array.from({ length: 900 }, (_, i) => 1 + (i % 13)).reduce((a, b) => a + b));
  crowd.slice(1).forEach((mark, i) => assert.ok(mark.at - crowd[i]!.at >= (markWidth(mark) + markWidth(crowd[i]!)) / 2));
});

test("the value at a moment is the newest before it, and unknown when that is too old", () => {
  const values: [number, number | null][] = [[10, 5], [20, null], [30, 7]];
  assert.equal(valueAt(values, 15, 10), 5);
  assert.equal(valueAt(values, 25, 10), null);
  assert.equal(valueAt(values, 100, 10), null);
  assert.equal(valueAt(values, 5, 10), null);
});
