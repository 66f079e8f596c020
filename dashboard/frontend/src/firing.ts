// What fires at the moment shown, for every page: its number in the rail, badges, a line on the page of a thing, a word on the desktop.
import { byId, h, icon, setText } from "./dom.ts";
import { many } from "./format.ts";
import type { State } from "./types.ts";
import { look, VERDICTS } from "./verdict.ts";
import type { Verdict } from "./types.ts";

export interface Firing { id: string; severity: string; subject: string; summary: string; verdict: string; since: string; cause: string | null; things: string[] }

const WISH = "playhead-notify", MOST_AT_ONCE = 3;
const SEVERITY_CSS: Record<string, string> = { critical: "v-lose", warning: "v-behind", info: "v-catching" };
const ORDER = ["critical", "warning", "info"];

export const firingRows = (state: State | null): Firing[] => Object.values(state?.tables["firing"] ?? {}) as unknown as Firing[];
export const alertCss = (f: { verdict: string; severity: string }): string => (VERDICTS.includes(f.verdict as Verdict) ? look(f.verdict).css : SEVERITY_CSS[f.severity] ?? "v-catching");

/** What fires about one of these things, the gravest first, causes before what they explain. */
export function firingOf(state: State | null, ...ids: string[]): Firing[] {
  const found = firingRows(state).filter((f) => ids.some((id) => id === f.subject || f.things.includes(id)));
  return found.sort((a, b) => Number(a.cause !== null) - Number(b.cause !== null) || ORDER.indexOf(a.severity) - ORDER.indexOf(b.severity) || (a.since < b.since ? -1 : 1));
}

/** Which of the map's nodes it is about: the reader, or else the thing; the team's box where neither is drawn. */
export function placesOf(f: Firing, nodes: Record<string, unknown>): string[] {
  const order = ["service:", "group:", "connector:", "query:", "topic:", "writer:", "system:", "team:"];
  for (const kind of order) {
    const found = f.things.filter((id) => id.startsWith(kind) && nodes[id]);
    if (found.length) return found;
  }
  return [];
}

/** A small bell that says what fires and leads to it. */
export function firingDot(found: Firing[]): HTMLElement | null {
  if (!found.length) return null;
  const words = `firing: ${found.slice(0, 3).map((f) => f.summary || f.subject).join("; ")}${found.length > 3 ? ` and ${found.length - 3} more` : ""}`;
  return h("a", { class: "firingdot", href: `/alerts?alert=${found[0]!.id}`, title: words, "aria-label": words }, icon("alerts"));
}

/** The line on the page of a thing. */
export function firingNote(state: State, id: string): HTMLElement | null {
  const found = firingOf(state, id);
  if (!found.length) return null;
  const lines = found.slice(0, 5).map((f) => h("a", { href: `/alerts?alert=${f.cause ?? f.id}` }, icon("alerts", "i s"), `firing: ${f.summary || f.subject}`));
  return h("section", { class: `firingnote ${alertCss(found[0]!)}`, "aria-label": "Alerts" }, ...lines, found.length > 5 ? h("span", { class: "dim" }, `and ${found.length - 5} more`) : null);
}

/** Whether this browser can notify: why not, in a sentence, or "". */
export function cannotNotify(): string {
  if (!("Notification" in window)) return "This browser has no desktop notifications.";
  if (!window.isSecureContext) return "A browser notifies only for pages over HTTPS or from this machine.";
  return Notification.permission === "denied" ? "This browser was told not to let this site notify; its site settings say so." : "";
}

export const wishesNotes = (): boolean => localStorage.getItem(WISH) === "1" && !cannotNotify() && Notification.permission === "granted";

/** Turns notifications on (the permission is asked for only now) or off; answers whether they are on. */
export async function setNotes(on: boolean): Promise<boolean> {
  if (!on || cannotNotify()) { localStorage.removeItem(WISH); return false; }
  if ((await Notification.requestPermission()) !== "granted") { localStorage.removeItem(WISH); return false; }
  localStorage.setItem(WISH, "1");
  return true;
}

export class Bell {
  private known: Set<string> | null = null;

  /** After each frame: the number in the rail, and a note of each cause that was not there before. */
  update(state: State, live: boolean): void {
    const causes = Number(state.meta["causes"] ?? 0), badge = byId("causes");
    if (badge) { badge.hidden = causes === 0; setText(badge, String(causes || "")); }
    setText(byId("causes-said"), causes ? `${many(causes, "cause")} firing ${live ? "now" : "at this moment"}` : "");
    if (!live) { this.known = null; return; }
    const now = firingRows(state).filter((f) => f.cause === null), before = this.known;
    this.known = new Set(now.map((f) => f.id));
    if (!before || !wishesNotes()) return;
    const fresh = now.filter((f) => !before.has(f.id));
    for (const f of fresh.slice(0, MOST_AT_ONCE)) this.tell(f.summary || f.subject, `${f.severity}, firing`, f.id);
    if (fresh.length > MOST_AT_ONCE) this.tell(`${fresh.length - MOST_AT_ONCE} more alerts fire`, "See Alerts", "");
  }

  private tell(title: string, body: string, id: string): void {
    const note = new Notification(title, { body, tag: id || "playhead" });
    note.addEventListener("click", () => { window.focus(); location.assign(`/alerts${id ? `?alert=${id}` : ""}`); });
  }
}
