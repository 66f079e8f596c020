// The line of a value over time as two paths: the stroke, and the ground under it.
type Points = readonly [number, number | null][];

/** A gap or an unknown value ends a piece: no line is drawn over what was not recorded. */
export function paths(values: Points, gaps: readonly [number, number][], x: (t: number) => number, y: (v: number) => number, floor: number): [string, string] {
  let line = "", area = "", piece: [number, number][] = [];
  const flush = (): void => {
    if (!piece.length) return;
    const points = piece.map(([t, v]) => `${x(t).toFixed(1)} ${y(v).toFixed(1)}`).join("L");
    line += `M${points}`;
    area += `M${x(piece[0]![0]).toFixed(1)} ${floor}L${points}L${x(piece.at(-1)![0]).toFixed(1)} ${floor}Z`;
    piece = [];
  };
  for (const [t, v] of values) {
    const last = piece.at(-1)?.[0];
    if (v === null || (last !== undefined && gaps.some(([a, b]) => a < t && b > last && b > a))) flush();
    if (v !== null) piece.push([t, v]);
  }
  flush();
  return [line || "M0 0", area || "M0 0"];
}
