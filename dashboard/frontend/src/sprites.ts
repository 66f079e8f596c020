// What stands on the map, drawn once for each look and scale and then copied: copying is cheap, text and curves are not.
import { sizeOf } from "./geometry.ts";
import { rate } from "./format.ts";
import { nameOf, teamColour } from "./ids.ts";
import { drawIcon, type Palette } from "./palette.ts";
import type { Change, MapNode } from "./types.ts";
import { inTrouble, look } from "./verdict.ts";

export interface Sprite { canvas: HTMLCanvasElement; w: number; h: number }

const PAD = 8;
const GLYPHS: Record<string, string> = { service: "n-service", connector: "n-connector", query: "n-query", writer: "n-unknown", group: "lag" };

function make(w: number, h: number, scale: number, draw: (g: CanvasRenderingContext2D) => void): Sprite {
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.ceil(w * scale));
  canvas.height = Math.max(1, Math.ceil(h * scale));
  const g = canvas.getContext("2d")!;
  g.scale(scale, scale);
  draw(g);
  return { canvas, w, h };
}

type Pen = (g: CanvasRenderingContext2D, p: Palette, w: number, h: number) => void;

const pipe: Pen = (g, p, w, h) => {
  const rx = 6, left = rx - w / 2, right = w / 2 - rx;
  const body = new Path2D();
  body.moveTo(left, -h / 2);
  body.lineTo(right, -h / 2);
  body.ellipse(right, 0, rx, h / 2, 0, -Math.PI / 2, Math.PI / 2);
  body.lineTo(left, h / 2);
  body.ellipse(left, 0, rx, h / 2, 0, Math.PI / 2, Math.PI * 1.5);
  g.fillStyle = p.surface2;
  g.fill(body);
  g.stroke(body);
  const cap = new Path2D();
  cap.ellipse(right, 0, rx, h / 2, 0, 0, Math.PI * 2);
  g.fillStyle = p.surface3;
  g.fill(cap);
  g.stroke(cap);
  g.globalAlpha *= 0.55;
  g.lineWidth = 1;
  for (let x = left + 5; x < right - rx - 2; x += 7.5) { g.beginPath(); g.moveTo(x, -8.5); g.lineTo(x, 8.5); g.stroke(); }
};

const drum: Pen = (g, p, w, h) => {
  const ry = 6, half = h / 2 - ry, body = new Path2D();
  body.ellipse(0, -half, w / 2, ry, 0, Math.PI, 0);
  body.lineTo(w / 2, half);
  body.ellipse(0, half, w / 2, ry, 0, 0, Math.PI);
  body.closePath();
  g.fillStyle = p.surface1;
  g.fill(body);
  g.stroke(body);
  g.beginPath();
  g.ellipse(0, -half, w / 2, ry, 0, 0, Math.PI);
  g.stroke();
};

const outlined = (shape: (w: number, h: number) => Path2D, dashed = false): Pen => (g, p, w, h) => {
  const path = shape(w, h);
  g.fillStyle = dashed ? p.canvas : p.surface1;
  if (dashed) g.setLineDash([3, 3]);
  g.fill(path);
  g.stroke(path);
  g.setLineDash([]);
};

const rounded = (r: number) => (w: number, h: number): Path2D => { const path = new Path2D(); path.roundRect(-w / 2, -h / 2, w, h, r); return path; };
const disc = (w: number): Path2D => { const path = new Path2D(); path.arc(0, 0, w / 2, 0, Math.PI * 2); return path; };
const hexagon = (w: number, h: number): Path2D => new Path2D(`M${-w / 4} ${-h / 2}H${w / 4}L${w / 2} 0L${w / 4} ${h / 2}H${-w / 4}L${-w / 2} 0Z`);

const PENS: Record<string, Pen> = {
  topic: pipe, system: drum, service: outlined(rounded(9)), query: outlined(disc), connector: outlined(hexagon),
  writer: outlined(disc, true), group: outlined(rounded(13)),
};

/** The shape of a kind, without words. */
export function shapeSprite(kind: string, selected: boolean, p: Palette, scale: number): Sprite {
  const { w, h } = sizeOf(kind), line = selected ? p.accent : p.border3;
  return make(w + PAD * 2, h + PAD * 2, scale, (g) => {
    g.translate(w / 2 + PAD, h / 2 + PAD);
    if (selected) {
      const ring = rounded(kind === "topic" ? 9 : 13)(w + 11, h + 11);
      g.fillStyle = p.accentSoft;
      g.strokeStyle = p.accent;
      g.lineWidth = 1.75;
      g.fill(ring);
      g.stroke(ring);
    }
    g.strokeStyle = line;
    g.lineWidth = 1.25;
    (PENS[kind] ?? PENS["service"]!)(g, p, w, h);
    g.globalAlpha = 1;
    const glyph = GLYPHS[kind];
    if (glyph) drawIcon(g, glyph, 0, 0, kind === "group" ? 15 : 18, p.text2, p.surface1, 1.4);
  });
}

/** The text, or as much of it as fits and an ellipsis. */
function fitted(g: CanvasRenderingContext2D, text: string, width: number): string {
  const whole = g.measureText(text).width;
  if (whole <= width) return text;
  let n = Math.floor((text.length * width) / whole);
  while (n > 1 && g.measureText(`${text.slice(0, n)}…`).width > width) n -= 1;
  return `${text.slice(0, n)}…`;
}

const CHIP: Pen = (g, p) => { g.strokeStyle = p.text3; g.lineWidth = 1.1; for (const [x, y] of [[2.5, 0], [0, 2.5]] as const) { g.fillStyle = p.surface1; g.beginPath(); g.roundRect(x, y, 7, 7, 1.5); g.fill(); g.stroke(); } };

/** A box: its name, what is in it, how much flows, the worst verdict of its reads. A fold looks like a pile. */
export function cardSprite(node: MapNode, selected: boolean, p: Palette, scale: number): Sprite {
  const { w, h } = sizeOf(node.kind), v = look(node.verdict ?? "ok"), tones = p.verdict[v.css]!, warm = inTrouble(node.verdict);
  return make(w + PAD * 2, h + PAD * 2, scale, (g) => {
    g.translate(w / 2 + PAD, h / 2 + PAD);
    g.lineWidth = selected ? 2 : warm ? 1.5 : 1;
    g.strokeStyle = selected ? p.accent : warm ? tones.line : p.border2;
    for (const behind of node.kind === "fold" ? [4, 0] : [0]) {
      const box = new Path2D();
      box.roundRect(-w / 2 + behind, -h / 2 - behind, w - behind * 2, h, 8);
      g.fillStyle = p.surface1;
      g.fill(box);
      if (warm && v.danger >= 6) { g.fillStyle = tones.soft; g.fill(box); }
      g.stroke(box);
    }
    g.save();
    g.translate(-w / 2 + 9, -14);
    if (node.kind === "fold") CHIP(g, p, w, h); else { g.fillStyle = p.team[teamColour(node.name)]!; g.fillRect(0, 1, 8, 8); }
    g.restore();
    g.fillStyle = p.text1;
    g.font = `600 12px ${p.font}`;
    g.fillText(fitted(g, node.name, w - (node.verdict ? 50 : 32)), -w / 2 + 23, -5);
    if (node.verdict) drawIcon(g, v.css, w / 2 - 14, -9, 14, tones.text, p.surface1);
    g.font = `500 11px ${p.font}`;
    g.fillStyle = p.text2;
    const flow = node.rate === null ? "" : rate(node.rate), room = w - 24 - (flow ? g.measureText(flow).width : 0);
    g.fillText(fitted(g, node.badge ?? node.sub ?? "", room), -w / 2 + 9, 14);
    g.textAlign = "right";
    if (flow) g.fillText(flow, w / 2 - 9, 14);
  });
}

/** A writer without even a transactional id. */
const isUnknown = (node: MapNode): boolean => node.kind === "writer" && (node.sub ?? "").startsWith("unknown writer");

/** What is wrong with it, else how much flows, else whose it is. */
function secondLine(node: MapNode, team: string | null): string {
  if (node.badge) return node.badge;
  if (node.kind === "writer") return (node.sub ?? "").replace(/^unknown writer,? ?/, "");
  if (node.kind === "system") return node.sub ?? "";
  if (node.kind === "topic" && node.rate !== null) return rate(node.rate);
  return team ?? node.sub ?? "";
}

/** The words under a shape and their room, before anything is drawn: most labels of a crowded picture never are. */
export interface Label { name: string; nameFont: string; nameWidth: number; second: string; secondWidth: number; team: string | null; w: number; h: number }

export function labelOf(node: MapNode, sub: boolean, width: number, p: Palette, measure: CanvasRenderingContext2D): Label {
  const strong = node.kind !== "topic" && node.kind !== "writer", nameFont = `${node.kind === "writer" ? "italic " : ""}${strong ? 600 : 500} 12px ${p.font}`;
  const team = sub && node.team ? nameOf(node.team.includes(":") ? node.team : `team:${node.team}`) : null, second = sub ? secondLine(node, team) : "";
  measure.font = nameFont;
  const name = fitted(measure, isUnknown(node) ? "unknown writer" : node.name, width), nameWidth = measure.measureText(name).width;
  measure.font = subFont(p);
  const secondWidth = second ? measure.measureText(second).width + (team ? 12 : 0) : 0;
  return { name, nameFont, nameWidth, second, secondWidth, team, w: Math.max(nameWidth, secondWidth) + 8, h: second ? 32 : 18 };
}

const subFont = (p: Palette): string => `400 11px ${p.font}`;

/** Name and second line, with the ground's colour around them so that edges pass behind. */
export function labelSprite(label: Label, node: MapNode, p: Palette, scale: number): Sprite {
  const { w, h, name, nameFont, nameWidth, second, secondWidth, team } = label;
  return make(w, h, scale, (g) => {
    g.lineJoin = "round";
    g.lineWidth = 4;
    g.strokeStyle = p.canvas;
    write(g, name, nameFont, (w - nameWidth) / 2, 13, node.stale ? p.text3 : p.text1);
    if (!second) return;
    const x = (w - secondWidth) / 2;
    if (team) { g.fillStyle = p.team[teamColour(team)]!; g.fillRect(x, 19, 7.5, 7.5); }
    write(g, second, subFont(p), x + (team ? 12 : 0), 27, node.badge ? p.verdict["v-behind"]!.text : p.text3);
  });
}

function write(g: CanvasRenderingContext2D, text: string, font: string, x: number, y: number, colour: string): void {
  g.font = font;
  g.strokeText(text, x, y);
  g.fillStyle = colour;
  g.fillText(text, x, y);
}

/** A label on an edge in trouble: sign, numbers. */
export function pillSprite(text: string, css: string, icon: string, p: Palette, scale: number, measure: CanvasRenderingContext2D): Sprite {
  const tones = p.verdict[css]!, font = `600 11px ${p.font}`;
  measure.font = font;
  const w = Math.ceil(measure.measureText(text).width) + 30, h = 20;
  return make(w, h, scale, (g) => {
    g.fillStyle = tones.soft;
    g.strokeStyle = tones.line;
    g.beginPath();
    g.roundRect(0.5, 0.5, w - 1, h - 1, 4);
    g.fill();
    g.stroke();
    drawIcon(g, icon, 12, h / 2, 13, tones.text, tones.soft);
    g.font = font;
    g.fillStyle = tones.text;
    g.fillText(text, 22, 14);
  });
}

/** The verdict's sign at the corner of who reads. */
export function badgeSprite(verdict: string, p: Palette, scale: number): Sprite {
  const css = look(verdict).css;
  return make(20, 20, scale, (g) => {
    g.fillStyle = p.canvas;
    g.beginPath();
    g.arc(10, 10, 10, 0, Math.PI * 2);
    g.fill();
    drawIcon(g, css, 10, 10, 16, p.verdict[css]!.text, p.surface1);
  });
}

/** An alert fires about this. */
export function bellSprite(p: Palette, scale: number): Sprite {
  return make(20, 20, scale, (g) => {
    g.fillStyle = p.canvas;
    g.beginPath();
    g.arc(10, 10, 10, 0, Math.PI * 2);
    g.fill();
    g.fillStyle = p.verdict["v-lose"]!.text;
    g.beginPath();
    g.arc(10, 10, 8.5, 0, Math.PI * 2);
    g.fill();
    drawIcon(g, "alerts", 10, 10, 11, p.surface1, p.verdict["v-lose"]!.text);
  });
}

const SIGNS = { added: ["v-ok", "+"], removed: ["v-stalled", "\u2212"], changed: ["v-behind", "~"] } as const;

/** What was added is green, removed red, changed amber; the sign says the same without the colour. */
export function changeTones(change: Change, p: Palette): { line: string; soft: string; text: string; sign: string } {
  const [css, sign] = SIGNS[change];
  return { ...p.verdict[css]!, sign };
}

/** A ring round what differs between two moments, with its sign. */
export function ringSprite(kind: string, change: Change, p: Palette, scale: number): Sprite {
  const { w, h } = sizeOf(kind), tones = changeTones(change, p), room = PAD + 4;
  return make(w + room * 2, h + room * 2, scale, (g) => {
    g.translate(w / 2 + room, h / 2 + room);
    g.strokeStyle = tones.line;
    g.lineWidth = 2;
    if (change === "removed") g.setLineDash([4, 3]);
    const ring = new Path2D();
    ring.roundRect(-w / 2 - 5, -h / 2 - 5, w + 10, h + 10, kind === "group" ? 17 : 11);
    g.stroke(ring);
    g.fillStyle = tones.line;
    g.beginPath();
    g.arc(-w / 2 - 3, -h / 2 - 3, 7, 0, Math.PI * 2);
    g.fill();
    g.fillStyle = p.surface1;
    g.font = `700 12px ${p.font}`;
    g.textAlign = "center";
    g.fillText(tones.sign, -w / 2 - 3, -h / 2 + 1);
  });
}

export function beadSprite(line: string, p: Palette, scale: number): Sprite {
  return make(6, 6, scale, (g) => {
    g.fillStyle = p.bead;
    g.strokeStyle = line;
    g.lineWidth = 1.2;
    g.beginPath();
    g.arc(3, 3, 2.1, 0, Math.PI * 2);
    g.fill();
    g.stroke();
  });
}
