// The page's tokens as a canvas needs them: read once, and again when the theme changes.
import { token } from "./theme.ts";
import { look, VERDICTS } from "./verdict.ts";

export interface Palette {
  surface1: string; surface2: string; surface3: string; raised: string; canvas: string; text1: string; text2: string; text3: string;
  border2: string; border3: string; accent: string; accentSoft: string; flow: string; bead: string; font: string; stale: number;
  verdict: Record<string, { text: string; line: string; soft: string }>;
  team: string[];
}

export function readPalette(): Palette {
  const verdict: Palette["verdict"] = {};
  for (const v of VERDICTS) {
    const css = look(v).css;
    verdict[css] = { text: token(`--${css}`), line: token(`--${css}-line`), soft: token(`--${css}-soft`) };
  }
  return {
    surface1: token("--surface-1"), surface2: token("--surface-2"), surface3: token("--surface-3"), raised: token("--surface-raised"),
    canvas: token("--canvas"), text1: token("--text-1"), text2: token("--text-2"), text3: token("--text-3"),
    border2: token("--border-2"), border3: token("--border-3"), accent: token("--accent"), accentSoft: token("--accent-soft"),
    flow: token("--flow-line"), bead: token("--bead"), font: token("--font"), stale: Number(token("--stale-opacity")) || 0.45,
    verdict, team: Array.from({ length: 9 }, (_, i) => (i ? token(`--team-${i}`) : "")),
  };
}

interface Stroke { path: Path2D; fill: boolean; dash: number[]; width: number | null; inverse: boolean }

const kept = new Map<string, Stroke[]>();

function strokeOf(el: Element): Stroke {
  const n = (name: string): number => Number(el.getAttribute(name) ?? 0);
  const path = new Path2D(el.getAttribute("d") ?? "");
  if (el.tagName === "circle") path.arc(n("cx"), n("cy"), n("r"), 0, Math.PI * 2);
  if (el.tagName === "rect") path.roundRect(n("x"), n("y"), n("width"), n("height"), n("rx"));
  if (el.tagName === "ellipse") path.ellipse(n("cx"), n("cy"), n("rx"), n("ry"), 0, 0, Math.PI * 2);
  const dash = (el.getAttribute("stroke-dasharray") ?? "").split(/[ ,]+/).filter(Boolean).map(Number);
  return { path, fill: el.getAttribute("fill") === "currentColor", dash, width: n("stroke-width") || null, inverse: !!el.getAttribute("stroke") };
}

/** Draws an icon of the page's sprite, in a box of the given size around x, y. */
export function drawIcon(g: CanvasRenderingContext2D, name: string, x: number, y: number, size: number, colour: string, inverse: string, width = 1.5): void {
  let strokes = kept.get(name);
  if (!strokes) {
    strokes = [...(document.getElementById(`i-${name}`)?.children ?? [])].map(strokeOf);
    kept.set(name, strokes);
  }
  g.save();
  g.translate(x - size / 2, y - size / 2);
  g.scale(size / 16, size / 16);
  g.lineCap = g.lineJoin = "round";
  for (const each of strokes) {
    g.lineWidth = each.width ?? width;
    g.setLineDash(each.dash);
    g.strokeStyle = each.inverse ? inverse : colour;
    g.fillStyle = colour;
    if (each.fill) g.fill(each.path);
    g.stroke(each.path);
  }
  g.restore();
}
