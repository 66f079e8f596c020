// Where edges run and how large things are. World units are the server's pixels at zoom 1.
export interface Point { x: number; y: number }
export interface Size { w: number; h: number }

const SIZES: Record<string, Size> = {
  service: { w: 38, h: 38 }, topic: { w: 62, h: 26 }, connector: { w: 42, h: 38 }, query: { w: 38, h: 38 },
  system: { w: 34, h: 40 }, writer: { w: 36, h: 36 }, group: { w: 58, h: 26 }, team: { w: 156, h: 44 },
  fold: { w: 156, h: 44 },
};

/** Names stand inside these, and under all others. */
export const isCard = (kind: string): boolean => kind === "team" || kind === "fold";

export function sizeOf(kind: string): Size {
  return SIZES[kind] ?? SIZES["service"]!;
}

/** Two quadratic pieces from right side to left side: start, bend, middle, bend, end. */
export interface Curve { start: Point; c1: Point; middle: Point; c2: Point; end: Point }

const GAP = 2;

export function curve(source: Point, from: Size, target: Point, to: Size, leave: number, arrive: number): Curve {
  const start = { x: source.x + from.w / 2, y: source.y + leave };
  const end = { x: target.x - to.w / 2 - GAP, y: target.y + arrive };
  const dx = end.x - start.x;
  // An edge against the flow swings out on both sides instead of crossing its own nodes.
  const reach = dx > 24 ? dx * 0.28 : Math.min(90, 40 + Math.abs(dx) / 8);
  const bow = dx > 24 ? 0 : Math.min(110, 46 + Math.abs(dx) * 0.06);
  const c1 = { x: start.x + reach, y: start.y + bow }, c2 = { x: end.x - reach, y: end.y + bow };
  return { start, c1, middle: { x: (c1.x + c2.x) / 2, y: (c1.y + c2.y) / 2 }, c2, end };
}

const quad = (a: number, b: number, c: number, t: number): number => (1 - t) * (1 - t) * a + 2 * (1 - t) * t * b + t * t * c;

/** The point at t of the whole curve, 0 to 1. */
export function pointAt(c: Curve, t: number): Point {
  const first = t < 0.5, u = first ? t * 2 : t * 2 - 1;
  const [a, b, d] = first ? [c.start, c.c1, c.middle] : [c.middle, c.c2, c.end];
  return { x: quad(a.x, b.x, d.x, u), y: quad(a.y, b.y, d.y, u) };
}

/** Points at equal distances along the curve, and its length: a particle of even pace needs no arithmetic of its own. */
export function walk(c: Curve, steps = 32): { points: Float32Array; length: number } {
  const fine: Point[] = [], at: number[] = [0];
  for (let i = 0; i <= 48; i += 1) fine.push(pointAt(c, i / 48));
  for (let i = 1; i < fine.length; i += 1) at.push(at[i - 1]! + Math.hypot(fine[i]!.x - fine[i - 1]!.x, fine[i]!.y - fine[i - 1]!.y));
  const length = at[at.length - 1]!, points = new Float32Array((steps + 1) * 2);
  let j = 1;
  for (let i = 0; i <= steps; i += 1) {
    const wanted = (i / steps) * length;
    while (j < fine.length - 1 && at[j]! < wanted) j += 1;
    const u = (wanted - at[j - 1]!) / Math.max(1e-6, at[j]! - at[j - 1]!);
    points[i * 2] = fine[j - 1]!.x + (fine[j]!.x - fine[j - 1]!.x) * u;
    points[i * 2 + 1] = fine[j - 1]!.y + (fine[j]!.y - fine[j - 1]!.y) * u;
  }
  return { points, length };
}

/** Width by rate: the tokens' formula. */
export function widthOf(rate: number | null): number {
  return Math.min(6, 0.9 + 1.15 * Math.log10(1 + Math.max(0, rate ?? 0)));
}

/** Places of n edges along a side of a node, in order of the other end's height. */
export function ports(n: number, height: number): number[] {
  const gap = Math.min(7, (height - 10) / Math.max(1, n - 1));
  return Array.from({ length: n }, (_, i) => (i - (n - 1) / 2) * gap);
}
