import assert from "node:assert/strict";
import { test } from "node:test";
import { curve, pointAt, ports, sizeOf, walk, widthOf } from "../src/geometry.ts";

const c = curve({ x: 0, y: 0 }, sizeOf("service"), { x: 300, y: 120 }, sizeOf("topic"), 0, 0);

test("an edge leaves on the right and arrives on the left", () => {
  assert.deepEqual(c.start, { x: 19, y: 0 });
  assert.deepEqual(c.end, { x: 300 - 31 - 2, y: 120 });
});

test("a walk has even steps from end to end", () => {
  const { points, length } = walk(c, 32), steps: number[] = [];
  for (let i = 1; i <= 32; i += 1) steps.push(Math.hypot(points[i * 2]! - points[i * 2 - 2]!, points[i * 2 + 1]! - points[i * 2 - 1]!));
  assert.ok(Math.max(...steps) / Math.min(...steps) < 1.1);
  assert.ok(Math.abs(steps.reduce((a, b) => a + b, 0) - length) < 1);
  assert.deepEqual(pointAt(c, 1), c.end);
});

test("ports stand around the middle and within the node", () => {
  assert.deepEqual(ports(1, 38), [0]);
  const many = ports(9, 38);
  assert.ok(many[0]! >= -14 && many[8]! <= 14 && Math.abs(many[4]!) < 1e-9);
});

test("width grows with the rate and stops", () => {
  assert.ok(widthOf(null) === widthOf(0) && widthOf(10) < widthOf(1000) && widthOf(1e9) === 6);
});
