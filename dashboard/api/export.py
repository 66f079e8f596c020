"""The map as DOT, Mermaid and SVG. Every name is escaped in the way of its language: names are anybody's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape, quoteattr

Row = Mapping[str, Any]
Rows = Sequence[Row]
SHAPES = {"topic": "cylinder", "writer": "ellipse", "group": "component", "team": "folder", "fold": "folder"}
STYLES = {"observed": "solid", "inferred": "dashed", "permitted": "dotted", "declared": "dotted"}
COLOURS = {
    "will_lose_data": "#8b1e3f",
    "stalled": "#b3261e",
    "stopped": "#b3261e",
    "falling_behind": "#b25e00",
    "rewound": "#6a4fb3",
    "catching_up": "#2b6cb0",
}
GREY = "#5b6570"
XMLNS = 'xmlns="http://www.w3.org/2000/svg"'
WIDE, HIGH, MARGIN = 150.0, 40.0, 40.0


def printable(text: object) -> str:
    """Without what no text format may hold: controls and bytes that were no UTF-8."""
    return "".join(c if c.isprintable() else "\ufffd" for c in str(text))


def dot(nodes: Rows, edges: Rows) -> str:
    """Graphviz."""
    lines = ["digraph playhead {", "  rankdir=LR;", '  node [fontname="Helvetica"];']
    for n in nodes:
        label, shape = _dot(n["name"]), SHAPES.get(n["kind"], "box")
        lines.append(f"  {_dot(n['id'])} [label={label}, shape={shape}];")
    for e in edges:
        label = _dot(e["relation"] if e["key"] in {"", e["relation"]} else f"{e['relation']} ({e['key']})")
        look = f"style={STYLES.get(e['strength'], 'dotted')}, color={_dot(COLOURS.get(e['verdict'] or '', GREY))}"
        lines.append(f"  {_dot(e['source'])} -> {_dot(e['target'])} [label={label}, {look}];")
    return "\n".join([*lines, "}", ""])


def _dot(text: object) -> str:
    escaped = printable(text).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def mermaid(nodes: Rows, edges: Rows) -> str:
    """Mermaid's flowchart; ids are n0, n1 … because Mermaid's own may hold little."""
    short = {n["id"]: f"n{i}" for i, n in enumerate(nodes)}
    lines = ["flowchart LR"]
    for n in nodes:
        left, right = ("[(", ")]") if n["kind"] == "topic" else ("([", "])") if n["kind"] == "writer" else ("[", "]")
        lines.append(f'  {short[n["id"]]}{left}"{_mermaid(n["name"])}"{right}')
    for e in edges:
        arrow = "-->" if e["strength"] == "observed" else "-.->"
        lines.append(f'  {short[e["source"]]} {arrow}|"{_mermaid(e["relation"])}"| {short[e["target"]]}')
    return "\n".join([*lines, ""])


def _mermaid(text: object) -> str:
    """Letters, digits and a few marks; the rest as entities, which Mermaid writes with # for &."""
    return "".join(c if c.isalnum() or c in " .-_/:" else f"#{ord(c)};" for c in printable(text))


def svg(nodes: Rows, edges: Rows) -> str:
    """A picture that stands by itself; nothing in it is script or comes from elsewhere."""
    if not nodes:
        return f'<svg {XMLNS} width="320" height="80"><text x="16" y="44">Nothing here</text></svg>\n'
    left, top = min(n["x"] for n in nodes) - MARGIN - WIDE / 2, min(n["y"] for n in nodes) - MARGIN - HIGH / 2
    right, bottom = max(n["x"] for n in nodes) + MARGIN + WIDE / 2, max(n["y"] for n in nodes) + MARGIN + HIGH / 2
    size = f'width="{right - left:.0f}" height="{bottom - top:.0f}"'
    box = f'viewBox="{left:.0f} {top:.0f} {right - left:.0f} {bottom - top:.0f}"'
    places = {n["id"]: (n["x"], n["y"]) for n in nodes}
    parts = [
        f'<svg {XMLNS} {size} {box} font-family="Helvetica, Arial, sans-serif" font-size="12">',
        f'<rect x="{left:.0f}" y="{top:.0f}" width="100%" height="100%" fill="#ffffff"/>',
        '<defs><marker id="arrow" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        f'<path d="M0 0 8 4 0 8z" fill="{GREY}"/></marker></defs>',
    ]
    parts += [_svg_edge(e, places) for e in edges]
    parts += [_svg_node(n) for n in nodes]
    return "\n".join([*parts, "</svg>", ""])


def _svg_edge(e: Row, places: Mapping[str, tuple[float, float]]) -> str:
    (x1, y1), (x2, y2) = places[e["source"]], places[e["target"]]
    x1, x2 = (x1 + WIDE / 2, x2 - WIDE / 2) if x2 >= x1 else (x1 - WIDE / 2, x2 + WIDE / 2)
    bend = (x1 + x2) / 2
    dash = {"observed": "", "inferred": ' stroke-dasharray="6 4"'}.get(e["strength"], ' stroke-dasharray="2 3"')
    faded = ' opacity="0.45"' if e["stale"] else ""
    colour = COLOURS.get(e["verdict"] or "", GREY)
    path = f"M{x1:.1f} {y1:.1f}C{bend:.1f} {y1:.1f} {bend:.1f} {y2:.1f} {x2:.1f} {y2:.1f}"
    title = escape(printable(e["sentence"] or e["relation"]))
    style = f'fill="none" stroke="{colour}" stroke-width="1.5" marker-end="url(#arrow)"{dash}{faded}'
    return f'<path d="{path}" {style}><title>{title}</title></path>'


def _svg_node(n: Row) -> str:
    x, y, name = n["x"] - WIDE / 2, n["y"] - HIGH / 2, printable(n["name"])
    shown = name if len(name) <= 22 else f"{name[:21]}…"
    radius = {"topic": 20, "writer": 20}.get(n["kind"], 6)
    dash = ' stroke-dasharray="4 3"' if n["kind"] == "writer" else ""
    faded = ' opacity="0.45"' if n["stale"] else ""
    colour = COLOURS.get(n["verdict"] or "", GREY)
    fill = f'fill="#f6f7f9" stroke="{colour}"'
    rect = f'<rect x="{x:.1f}" y="{y:.1f}" width="{WIDE:.0f}" height="{HIGH:.0f}" rx="{radius}" {fill}{dash}/>'
    text = f'<text x="{n["x"]:.1f}" y="{n["y"] + 4:.1f}" text-anchor="middle" fill="#1b2127">{escape(shown)}</text>'
    return f"<g data-id={quoteattr(printable(n['id']))}{faded}><title>{escape(name)}</title>{rect}{text}</g>"
