// How an edge is drawn: width is rate, colour the reader's verdict, dashes the evidence, faded is stale.
import { widthOf, type Curve, type Point } from "./geometry.ts";
import type { Palette } from "./palette.ts";
import { changeTones } from "./sprites.ts";
import type { MapEdge } from "./types.ts";
import { look } from "./verdict.ts";

export interface Pen { colour: string; width: number; alpha: number; dash: number[]; round: boolean; halo: boolean; hollow: boolean; order: number }
export interface Stroke { pen: Pen; line: Path2D; arrow: Path2D; box: [number, number, number, number] }

const DASHES: Record<string, number[]> = { inferred: [7, 4], declared: [0.1, 4.6], permitted: [0.1, 4.6] };

/** Px of the map in the thinnest line of the screen: farther away than that, heads of arrows are dots. */
const FAR = 2.2;

export const isLoud = (e: MapEdge): boolean => e.relation === "reads" && look(e.verdict).danger >= 3;

/** The look of an edge. `folded`: what is well stands back; `crowd`: so many are in trouble that halos would hide them. */
export function penOf(e: MapEdge, p: Palette, folded: boolean, crowd: boolean): Pen {
  const tones = e.relation === "reads" ? p.verdict[look(e.verdict).css] : null, loud = isLoud(e);
  const dash = DASHES[e.strength] ?? [];
  const pen: Pen = { colour: tones?.line ?? p.flow, width: widthOf(e.rate), alpha: loud ? (crowd ? 0.6 : 1) : folded ? 0.55 : 1, dash, round: dash[0] === 0.1, halo: loud && !crowd, hollow: e.relation === "calls", order: loud ? 2 : 1 };
  if (e.stale) Object.assign(pen, { colour: p.verdict["v-unknown"]!.line, alpha: p.stale, halo: false, order: 0 });
  // A view that compares two moments says of a row how it differs; then that is the colour.
  if (e.change) Object.assign(pen, { colour: changeTones(e.change, p).line, alpha: e.change === "removed" ? 0.6 : 1, dash: e.change === "removed" ? [5, 4] : dash, halo: true, order: 3 });
  return pen;
}

export function strokeOf(c: Curve, pen: Pen): Stroke {
  const size = 5.5 + pen.width * 0.9, tip = c.end, back = behind(c, size);
  const line = new Path2D(), arrow = new Path2D();
  line.moveTo(c.start.x, c.start.y);
  line.quadraticCurveTo(c.c1.x, c.c1.y, c.middle.x, c.middle.y);
  line.quadraticCurveTo(c.c2.x, c.c2.y, back.x, back.y);
  const ax = (tip.y - back.y) * 0.45, ay = (back.x - tip.x) * 0.45;
  arrow.moveTo(tip.x, tip.y);
  arrow.lineTo(back.x + ax, back.y + ay);
  arrow.lineTo(back.x - ax, back.y - ay);
  arrow.closePath();
  const xs = [c.start.x, c.c1.x, c.middle.x, c.c2.x, c.end.x], ys = [c.start.y, c.c1.y, c.middle.y, c.c2.y, c.end.y];
  return { pen, line, arrow, box: [Math.min(...xs) - 8, Math.min(...ys) - 8, Math.max(...xs) + 8, Math.max(...ys) + 8] };
}

/** The point where the arrow's head begins. */
function behind(c: Curve, size: number): Point {
  const dx = c.end.x - c.c2.x, dy = c.end.y - c.c2.y, far = Math.hypot(dx, dy) || 1;
  return { x: c.end.x - (dx / far) * size, y: c.end.y - (dy / far) * size };
}

/** Strokes one edge; the context is already in px of the map. */
export function draw(g: CanvasRenderingContext2D, s: Stroke, alpha: number, thin: number, ground: string): void {
  const { pen } = s, width = Math.max(pen.width, thin);
  g.strokeStyle = g.fillStyle = pen.colour;
  g.lineCap = pen.round ? "round" : "butt";
  if (pen.halo) {
    g.setLineDash([]);
    g.globalAlpha = 0.2 * alpha;
    g.lineWidth = width + 9;
    g.stroke(s.line);
  }
  g.globalAlpha = pen.alpha * alpha;
  g.setLineDash(pen.dash);
  g.lineWidth = width;
  g.stroke(s.line);
  if (thin > FAR) return;
  if (pen.hollow) {
    g.setLineDash([]);
    g.lineWidth = Math.max(1, thin);
    g.fillStyle = ground;
    g.fill(s.arrow);
    g.stroke(s.arrow);
  } else g.fill(s.arrow);
}
