// Which part of a map that is too large for the screen is worth seeing first.
import type { Bounds } from "./camera.ts";
import type { Point } from "./geometry.ts";

export interface Placed extends Point { weight: number }

/** The window of that size with the most weight in it; of equal ones the leftmost, then the highest. Null where nothing is placed. */
export function densest(all: readonly Placed[], wide: number, high: number): Bounds | null {
  const byX = [...all].sort((a, b) => a.x - b.x || a.y - b.y);
  let best: Bounds | null = null, most = 0;
  for (const { x } of byX) {
    const column = byX.filter((p) => p.x >= x && p.x <= x + wide).sort((a, b) => a.y - b.y);
    let last = 0, weight = 0;
    column.forEach((top, first) => {
      while (last < column.length && column[last]!.y <= top.y + high) { weight += column[last]!.weight; last += 1; }
      if (weight > most) { most = weight; best = around(column.slice(first, last)); }
      weight -= top.weight;
    });
  }
  return best;
}

function around(points: readonly Point[]): Bounds {
  const xs = points.map((p) => p.x), ys = points.map((p) => p.y);
  return { x1: Math.min(...xs), y1: Math.min(...ys), x2: Math.max(...xs), y2: Math.max(...ys) };
}
