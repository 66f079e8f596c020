// Numbers, durations and times as a reader wants them. Unknown is said in a word, never as 0.
export const UNKNOWN = "unknown";

const grouped = new Intl.NumberFormat("en-GB", { maximumFractionDigits: 0 });

export function count(value: number | null | undefined): string {
  return value === null || value === undefined ? UNKNOWN : grouped.format(value);
}

function scaled(value: number, units: readonly string[], base: number): string {
  let size = Math.abs(value), step = 0;
  while (size >= base && step < units.length - 1) { size /= base; step += 1; }
  const digits = size >= 100 || step === 0 ? 0 : size >= 10 ? 1 : 2;
  const sign = value < 0 ? "-" : "";
  return `${sign}${size.toFixed(digits)}${units[step] ? ` ${units[step]}` : ""}`;
}

/** 1,381,204 becomes 1.38 M; below ten thousand every digit stands. */
export function short(value: number | null | undefined): string {
  if (value === null || value === undefined) return UNKNOWN;
  return Math.abs(value) < 10_000 ? grouped.format(value) : scaled(value, ["", "k", "M", "G", "T"], 1000);
}

export function bytes(value: number | null | undefined): string {
  return value === null || value === undefined ? UNKNOWN : scaled(value, ["B", "kB", "MB", "GB", "TB", "PB"], 1000);
}

/** Records a second. */
export function rate(value: number | null | undefined): string {
  if (value === null || value === undefined) return UNKNOWN;
  if (value === 0) return "0/s";
  if (value < 0.05) return "<0.1/s";
  if (value < 10) return `${Number(value.toFixed(1))}/s`;
  if (value < 10_000) return `${grouped.format(value)}/s`;
  return `${scaled(value, ["", "k", "M"], 1000).replace(" ", "\u202f")}/s`;
}

const STEPS: readonly [number, string, number, string][] = [
  [86_400, "d", 3600, "h"], [3600, "h", 60, "min"], [60, "min", 1, "s"],
];

/** Seconds as at most two units: 1 h 56 min, 42 s, 0.3 s. */
export function duration(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined) return UNKNOWN;
  if (seconds < 0) return `-${duration(-seconds)}`;
  if (seconds < 1) return seconds === 0 ? "0 s" : `${Math.max(0.1, Number(seconds.toFixed(1)))} s`;
  const whole = Math.round(seconds);
  for (const [big, bigName, small, smallName] of STEPS) {
    if (whole < big) continue;
    const first = Math.floor(whole / big), second = Math.floor((whole - first * big) / small);
    const quiet = second === 0 || (big === 60 && first >= 10) || (big === 86_400 && first >= 30);
    return quiet ? `${first} ${bigName}` : `${first} ${bigName} ${second} ${smallName}`;
  }
  return `${whole} s`;
}

export function age(seconds: number | null): string {
  return seconds === null ? "never" : seconds < 1 ? "now" : duration(Math.floor(seconds));
}

export function millis(time: string | null | undefined): number | null {
  if (!time) return null;
  const ms = Date.parse(time);
  return Number.isNaN(ms) ? null : ms;
}

let utc = true;
export const isUtc = (): boolean => utc;
export function setUtc(on: boolean): void { utc = on; }
export function zoneName(): string {
  if (utc) return "UTC";
  return Intl.DateTimeFormat("en-GB", { timeZoneName: "short" }).formatToParts(new Date()).find((p) => p.type === "timeZoneName")?.value ?? "local";
}

const zone = (on: boolean): Intl.DateTimeFormatOptions => (on ? { timeZone: "UTC" } : {});

export function clock(ms: number, seconds = true, inUtc = utc): string {
  const parts: Intl.DateTimeFormatOptions = { hour: "2-digit", minute: "2-digit", hour12: false, ...zone(inUtc) };
  if (seconds) parts.second = "2-digit";
  return new Intl.DateTimeFormat("en-GB", parts).format(ms);
}

/** With its tenth: two moments of the tape may stand within one second. */
export function exactClock(ms: number, inUtc = utc): string {
  return `${clock(ms, true, inUtc)}.${Math.floor((((ms % 1000) + 1000) % 1000) / 100)}`;
}

export function day(ms: number): string {
  return new Intl.DateTimeFormat("en-GB", { weekday: "short", day: "numeric", month: "long", ...zone(utc) }).format(ms).replace(",", "");
}

export function date(ms: number): string {
  return new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric", ...zone(utc) }).format(ms);
}

export function stamp(ms: number): string { return `${date(ms)}, ${clock(ms)} ${zoneName()}`; }

/** Singular or plural with its number: 1 topic, 12 topics. */
export function many(n: number, word: string): string {
  return `${count(n)} ${n === 1 ? word : /[^aeiou]y$/.test(word) ? `${word.slice(0, -1)}ies` : `${word}s`}`;
}
