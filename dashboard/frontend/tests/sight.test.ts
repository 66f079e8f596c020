import assert from "node:assert/strict";
import { test } from "node:test";
import { densest } from "../src/sight.ts";

const at = (x: number, y: number, weight = 1) => ({ x, y, weight });

test("the part with the most in it is seen first, and no more than its own bounds", () => {
  const corner = [at(2000, 900)], crowd = [at(0, 0), at(190, 0), at(190, 96), at(380, 96)];
  assert.deepEqual(densest([...corner, ...crowd], 400, 300), { x1: 0, y1: 0, x2: 380, y2: 96 });
});

test("what asks for somebody counts for more than a crowd of the same size", () => {
  assert.deepEqual(densest([at(0, 0), at(10, 0), at(900, 0, 3), at(910, 0)], 100, 100), { x1: 900, y1: 0, x2: 910, y2: 0 });
});

test("of equal parts the first one with the flow; a window is not higher than the screen", () => {
  assert.deepEqual(densest([at(900, 0), at(0, 0), at(0, 500)], 100, 100), { x1: 0, y1: 0, x2: 0, y2: 0 });
  assert.equal(densest([], 100, 100), null);
});
