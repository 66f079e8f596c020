// The records that the player holds: in the order in which they were written, and how many of them the playhead has passed.
export interface Payload {
  kind: string; size: number; text: string | null; schema_id: number | null; schema_name: string | null;
  truncated: boolean; masked: number; error: string | null;
}
export interface RecordRow {
  partition: number; offset: number; at: string | null; clock: string; size: number;
  key: Payload; value: Payload; headers: (Payload & { name: string })[];
}
export interface RecordsAnswer {
  payloads: string; partitions: number; items: RecordRow[]; newer: string; older: string; ended: boolean; stopped: string;
  bytes: number; seconds: number; error: string; remedy: string;
}

/** `stands` is the time by which a record is passed: its own, but never before that of one that stands before it. */
export interface Held { key: string; row: RecordRow; time: number | null; stands: number }

const MOST = 600;

const timeOf = (row: RecordRow): number | null => (row.at === null ? null : Date.parse(row.at));

export class Reel {
  held: Held[] = [];
  newer = "";
  older = "";
  /** Nothing more is there: at the end now, at the beginning for good. */
  ended = false;
  began = false;

  /** How many records were written at this moment or before. */
  passed(moment: number): number {
    let low = 0, high = this.held.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.held[middle]!.stands <= moment) low = middle + 1; else high = middle;
    }
    return low;
  }

  start(newer: string, older: string): void {
    this.held = [];
    this.newer = newer;
    this.older = older;
    this.ended = this.began = false;
  }

  /** A page behind the last record; the oldest go when there are too many. */
  append(answer: RecordsAnswer): void {
    this.newer = answer.newer;
    this.ended = answer.ended;
    this.held = [...this.held, ...answer.items.map(held)];
    if (this.held.length > MOST) {
      this.held = this.held.slice(-MOST);
      this.older = "";
      this.began = false;
    }
    this.order();
  }

  /** A page before the first record; the newest go when there are too many. */
  prepend(answer: RecordsAnswer): void {
    this.older = answer.older;
    this.began = answer.ended;
    this.held = [...answer.items.map(held), ...this.held];
    if (this.held.length > MOST) {
      this.held = this.held.slice(0, MOST);
      this.newer = "";
      this.ended = false;
    }
    this.order();
  }

  private order(): void {
    let latest = -Infinity;
    for (const each of this.held) each.stands = latest = Math.max(latest, each.time ?? latest);
  }

  /** Whether the moment lies within what is held, so that nothing has to be read again. */
  covers(moment: number): boolean {
    const first = this.held[0], last = this.held.at(-1);
    if (!first || !last) return false;
    return (this.began || first.stands <= moment) && (this.ended || last.stands >= moment);
  }

  /** The latest moment up to which every record is known; Infinity where there are no more. */
  known(): number {
    return this.ended ? Infinity : this.held.at(-1)?.stands ?? -Infinity;
  }

  /** Whether to read on: little is left before the playhead at this speed. */
  low(moment: number, speed: number): boolean {
    if (this.ended || !this.newer) return false;
    const index = this.passed(moment);
    return this.held.length - index < 100 && this.known() < moment + 5_000 * speed || this.held.length - index < 20;
  }
}

function held(row: RecordRow): Held {
  return { key: `${row.partition}/${row.offset}`, row, time: timeOf(row), stands: 0 };
}

/** JSON on several lines, by its text alone: numbers keep every digit, and a text that was cut off stays readable. */
export function indented(text: string): string {
  let out = "", depth = 0, inside = false;
  const line = (): string => `\n${"  ".repeat(depth)}`;
  for (let i = 0; i < text.length; i += 1) {
    const c = text[i]!;
    if (inside) {
      out += c;
      if (c === "\\") out += text[i += 1] ?? "";
      else if (c === '"') inside = false;
    } else if (c === '"') { inside = true; out += c; }
    else if ((c === "{" && text[i + 1] === "}") || (c === "[" && text[i + 1] === "]")) { out += c + text[i += 1]; }
    else if (c === "{" || c === "[") { depth += 1; out += c + line(); }
    else if (c === "}" || c === "]") { depth = Math.max(0, depth - 1); out += line() + c; }
    else if (c === ",") out += c + line();
    else if (c === ":") out += ": ";
    else out += c;
  }
  return out;
}
