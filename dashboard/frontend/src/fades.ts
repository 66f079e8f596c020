// What appears fades in and what vanishes fades out, where it stands: nothing else moves.
import { motionReduced } from "./theme.ts";
import type { Row, Table } from "./types.ts";

const LASTS = 320;
/** More than this at once is another picture, not a change of this one. */
const MOST = 150;

export class Fades {
  private coming = new Map<string, number>();
  private going = new Map<string, { row: Row; since: number }>();
  private running = 0;

  constructor(private redraw: () => void) {}

  set(before: Table, now: Table): void {
    const came = Object.keys(now).filter((id) => !(id in before)), went = Object.keys(before).filter((id) => !(id in now)), at = performance.now();
    for (const id of came) this.going.delete(id);
    if (motionReduced() || !Object.keys(before).length || came.length + went.length > MOST) return;
    for (const id of came) this.coming.set(id, at);
    for (const id of went) this.going.set(id, { row: before[id]!, since: at });
    if (!this.running && this.coming.size + this.going.size) this.running = requestAnimationFrame(() => this.step());
  }

  /** 0 when it has just come, 1 when it is wholly there. */
  alpha(id: string): number {
    const since = this.coming.get(id);
    return since === undefined ? 1 : Math.min(1, (performance.now() - since) / LASTS);
  }

  /** What has vanished, and how much of it is still seen. */
  ghosts(): [string, number, Row][] {
    return [...this.going].map(([id, { row, since }]) => [id, Math.max(0, 1 - (performance.now() - since) / LASTS), row]);
  }

  private step(): void {
    const at = performance.now();
    for (const [id, since] of this.coming) if (at - since >= LASTS) this.coming.delete(id);
    for (const [id, { since }] of this.going) if (at - since >= LASTS) this.going.delete(id);
    this.running = this.coming.size + this.going.size ? requestAnimationFrame(() => this.step()) : 0;
    this.redraw();
  }
}
