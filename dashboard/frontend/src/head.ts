// Where this page stands on the tape. The server moves it; the URL and the links keep it.
import { millis } from "./format.ts";
import type { PlayheadMessage } from "./types.ts";

export const SPEEDS = [1, 2, 5, 10, 60, 120, 300, 600];
const SEEK_EVERY = 120;

export type Order =
  | { type: "seek"; at: string } | { type: "play"; speed: number } | { type: "pause" } | { type: "live" }
  | { type: "step"; by: "frame" | "change"; n: number };

export class Head {
  at: number | null = null;
  live = true;
  playing = false;
  speed = 60;
  begin: number | null = null;
  end: number | null = null;
  private wanted: number | null = null;
  private timer = 0;
  private lastSeek = 0;

  constructor(private send: (order: Order) => void, private onWish: () => void) {}

  told(message: PlayheadMessage): void {
    this.at = millis(message.at);
    [this.live, this.playing] = [message.live, message.playing];
    if (message.playing) this.speed = message.speed;
    this.begin = millis(message.start) ?? this.begin;
    this.end = millis(message.end) ?? this.end;
    if (!this.timer) this.wanted = null;
  }

  /** What the tape draws: where a drag wants to be, before the server has come there. */
  get place(): number | null { return this.wanted ?? this.at; }

  /** Goes to a moment; while a drag sends many, the server gets a few a second, and the last one. */
  seek(to: number): void {
    if (this.end !== null && to >= this.end) return this.goLive();
    this.wanted = this.begin === null ? to : Math.max(to, this.begin);
    this.live = false;
    this.onWish();
    if (this.timer) return;
    const wait = Math.max(0, this.lastSeek + SEEK_EVERY - performance.now());
    this.timer = window.setTimeout(() => {
      this.timer = 0;
      this.lastSeek = performance.now();
      if (this.wanted !== null) this.send({ type: "seek", at: new Date(this.wanted).toISOString() });
    }, wait);
  }

  goLive(): void {
    window.clearTimeout(this.timer);
    this.timer = 0;
    this.wanted = null;
    this.send({ type: "live" });
  }

  toggle(): void { this.send(this.live || this.playing ? { type: "pause" } : { type: "play", speed: this.speed }); }

  play(speed: number): void {
    this.speed = speed;
    if (this.playing) this.send({ type: "play", speed });
  }

  step(by: "frame" | "change", n: number): void { this.send({ type: "step", by, n }); }
}

/** A link to another page leads to the same moment there. */
export function keepInLinks(at: () => string | null, also: () => Record<string, string>): void {
  const mend = (event: Event): void => {
    const link = (event.target as Element | null)?.closest?.("a[href]") as HTMLAnchorElement | null;
    if (!link || link.origin !== location.origin || /^\/(api|static|logout|login)/.test(link.pathname) || link.hash) return;
    const url = new URL(link.href), moment = at();
    if (url.searchParams.has("at")) return;
    if (moment === null) return;
    url.searchParams.set("at", moment);
    for (const [name, value] of Object.entries(also())) if (!url.searchParams.has(name)) url.searchParams.set(name, value);
    link.href = url.href;
  };
  for (const name of ["click", "auxclick"]) document.addEventListener(name, mend, { capture: true });
}

/** Where a letter is text. */
export const WRITING = "input, textarea, select, [contenteditable], dialog";
/** Where keys have another meaning than the tape's. */
const TAKEN = `${WRITING}, [role=menu], [role=tree], [role=treeitem], [role=grid], [role=listbox]`;

/** Space plays and pauses, arrows step, with shift by changes, L is live. Not while somebody types or moves in a list. */
export function keys(head: Head): void {
  document.addEventListener("keydown", (event) => {
    const target = event.target as Element;
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || target.closest?.(TAKEN)) return;
    const arrows = event.key === "ArrowLeft" ? -1 : event.key === "ArrowRight" ? 1 : 0;
    if (event.key === " ") { if (target.closest?.("button, a, summary")) return; head.toggle(); }
    else if (arrows) head.step(event.shiftKey ? "change" : "frame", arrows);
    else if (event.key === "l" || event.key === "L") head.goLive();
    else return;
    event.preventDefault();
  });
}
