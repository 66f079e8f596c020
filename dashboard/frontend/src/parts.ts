// Small parts that every page shares.
import { h, icon, s } from "./dom.ts";
import { nameOf, pageOf, teamColour, teamId } from "./ids.ts";

/** A team's chip and name; nobody's is said, not left out. */
export function teamTag(team: string | null | undefined, link = false): HTMLElement {
  if (!team) return h("span", { class: "team none" }, h("i"), "nobody");
  const name = team.startsWith("team:") ? nameOf(team) : team;
  const cls = `team tc-${teamColour(name)}`;
  if (link) return h("a", { class: cls, href: pageOf(teamId(team)) }, h("i"), name);
  return h("span", { class: cls }, h("i"), name);
}

const SHAPES: Record<string, string> = {
  connector: "M5.5.7h11l5 10.3-5 10.3h-11L.5 11z",
  fold: "M4.500 4V1.500h17v15H19M.8 4.500h17.500v16.500H.8z",
  system: "M3 4.500c0-2 3.600-3.500 8-3.500s8 1.500 8 3.500v13c0 2-3.600 3.500-8 3.500s-8-1.500-8-3.500z",
};
const ICONS: Record<string, string> = { service: "n-service", connector: "n-connector", query: "n-query", system: "n-system", writer: "n-unknown", group: "lag", team: "teams" };

function smallPipe(): SVGElement {
  const line = { fill: "none", stroke: "var(--border-3)", "stroke-width": "1.2" };
  return s("svg", { class: "g", viewBox: "0 0 22 22", "aria-hidden": "true" }, s("path", { ...line, fill: "var(--surface-2)", d: "M4 5H18a3 6 0 0 1 0 12H4A3 6 0 0 1 4 5z" }),
    s("ellipse", { ...line, fill: "var(--surface-3)", cx: 18, cy: 11, rx: 3, ry: 6 }), s("path", { ...line, "stroke-width": "1", opacity: ".55", d: "M5.5 7.500v7M8.500 7.500v7M11.500 7.500v7" }));
}

/** The shape of a kind, small: the same as on the map. */
export function kindShape(kind: string): SVGElement {
  const base = { fill: "var(--surface-1)", stroke: "var(--border-3)", "stroke-width": "1.2" };
  const round = kind === "query" || kind === "writer";
  const shape = SHAPES[kind] ? s("path", { d: SHAPES[kind], ...base })
    : round ? s("circle", { cx: 11, cy: 11, r: 10.2, ...base, "stroke-dasharray": kind === "writer" ? "3 3" : null })
    : s("rect", { x: 0.6, y: kind === "group" ? 4 : 0.6, width: 20.8, height: kind === "group" ? 14 : 20.8, rx: kind === "group" ? 7 : 5, ...base });
  if (kind === "topic") return smallPipe();
  const inner = ICONS[kind] && kind !== "system" ? s("svg", { x: 5, y: 5, width: 12, height: 12, class: "gl" }, s("use", { href: `#i-${ICONS[kind]}` })) : null;
  return s("svg", { class: "g", viewBox: "0 0 22 22", fill: "none", "aria-hidden": "true" }, shape, inner);
}

/** A line as the map draws this strength of evidence. */
export function evidenceLine(strength: string): SVGElement {
  const dash = strength === "observed" ? null : strength === "inferred" ? "5 3" : ".1 3.9";
  return s("svg", { viewBox: "0 0 20 6", "aria-hidden": "true", class: "evline" },
    s("path", { d: "M0 3h20", stroke: "var(--text-2)", "stroke-width": 1.8, "stroke-dasharray": dash, "stroke-linecap": dash?.startsWith(".") ? "round" : null }));
}

/** What is missing, and how to get it. */
export function emptyNote(iconName: string, title: string, detail: string, link?: { href: string; text: string } | undefined): HTMLElement {
  return h("div", { class: "empty2" }, icon(iconName), h("h2", {}, title), h("p", {}, detail),
    link ? h("div", { class: "btns" }, h("a", { class: "ctl", href: link.href }, link.text)) : null);
}

/** A strip above the view: what is wrong, until it is over. */
export function strip(css: string, iconName: string, strong: string, rest: string, action?: Node | null): HTMLElement {
  return h("div", { class: `strip ${css}` }, icon(iconName), h("span", {}, h("b", {}, strong), ` ${rest}`), h("span", { class: "push" }), action ?? null);
}

/** A sparkline of values over equal steps; null leaves a gap, never a line across it. */
export function spark(values: readonly (number | null)[], css: string, width = 120, height = 30): SVGElement {
  const known = values.filter((v): v is number => v !== null);
  const top = Math.max(1e-9, ...known), n = Math.max(1, values.length - 1);
  let line = "", area = "", run: string[] = [], startX = 0;
  const flush = (endX: number): void => {
    if (!run.length) return;
    line += `M${run.join("L")}${run.length === 1 ? "h.01" : ""}`;
    area += `M${startX.toFixed(1)} ${height}L${run.join("L")}L${endX.toFixed(1)} ${height}Z`;
    run = [];
  };
  let x = 0;
  values.forEach((v, i) => {
    if (v === null) { flush(x); return; }
    x = (i / n) * width;
    if (!run.length) startX = x;
    run.push(`${x.toFixed(1)} ${(height - 2 - (v / top) * (height - 5)).toFixed(1)}`);
  });
  flush(x);
  return s("svg", { class: `spark ${css}`, viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", "aria-hidden": "true" },
    s("path", { class: "a", d: area || "M0 0" }), s("path", { class: "l", d: line || "M0 0" }));
}
