import assert from "node:assert/strict";
import { test } from "node:test";
import { Camera } from "../src/camera.ts";

function camera(): Camera {
  return Object.assign(new Camera(), { width: 1000, height: 600 });
}

test("what is under the pointer stays there while zooming", () => {
  const c = camera(), at = { x: 320, y: 90 };
  c.panBy(37, -12);
  const before = c.world(at);
  for (const level of [1.4, 0.3, 9, 0.001]) {
    c.zoomTo(level, at);
    const now = c.world(at);
    assert.ok(Math.hypot(now.x - before.x, now.y - before.y) < 1e-6);
    assert.ok(c.zoom >= 0.08 && c.zoom <= 3);
  }
});

test("a fitted picture is wholly in sight, in the middle, and not blown up", () => {
  const c = camera();
  c.fit({ x1: -500, y1: 100, x2: 2500, y2: 900 }, 20);
  const a = c.shown({ x: -500, y: 100 }), b = c.shown({ x: 2500, y: 900 });
  assert.ok(a.x >= 19.9 && a.y >= 19.9 && b.x <= 980.1 && b.y <= 580.1);
  assert.ok(Math.abs(a.x + b.x - 1000) < 1e-6 && Math.abs(a.y + b.y - 600) < 1e-6);
  c.fit({ x1: 0, y1: 0, x2: 40, y2: 40 }, 20);
  assert.equal(c.zoom, 1.2);
});

test("screen and map lead back to each other", () => {
  const c = camera();
  c.centre({ x: 700, y: -40 });
  assert.deepEqual(c.shown({ x: 700, y: -40 }), { x: 500, y: 300 });
  assert.deepEqual(c.world(c.shown({ x: 12, y: 34 })), { x: 12, y: 34 });
});
