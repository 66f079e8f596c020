// What the parts of the Alerts page share: rows as they come, links to what they are about, and the way to write.
import { getJson, type Context } from "./context.ts";
import { h, icon } from "./dom.ts";
import { clock, day, duration, millis } from "./format.ts";
import { kindOf, nameOf, pageOf } from "./ids.ts";
import { look, VERDICTS } from "./verdict.ts";
import type { Verdict } from "./types.ts";

export interface Attempt { at: string; took: number; code: number | null; excerpt: string }
export interface Told { channel: string; status: string; state: string; tries: number; at: string }
export interface AlertRow {
  id: string; rule_id: string | null; rule_name: string; severity: string; subject: string; cluster: string; team: string | null; labels: Record<string, unknown>;
  summary: string; reason: string; verdict: string; value: number | null; threshold: number | null; cause: string | null; cause_subject: string; cause_reason: string;
  state: "firing" | "pending" | "resolved"; since: string; pending_at: string; fired_at: string | null; fires_at: string | null; resolved_at: string | null; resolved_why: string;
  clear_since: string | null; acknowledged_at: string | null; acknowledged_by: string; taken_back_at: string | null; taken_back_by: string; escalated_at: string | null; silenced: { id: string; reason: string; ends_at: string } | null;
  things: string[]; told: Told[]; loss_in?: number | null; loss_at?: string | null;
}

const SEVERITIES: Record<string, [string, string]> = { critical: ["v-lose", "alerts"], warning: ["v-behind", "alerts"], info: ["v-catching", "alerts"] };
export const SEVERITY_ORDER = ["critical", "warning", "info"];

/** Colour, sign and word of an alert: its verdict's where it has a bad one, else its severity's. */
export function lookOf(row: { verdict: string; severity: string }): { css: string; icon: string; word: string } {
  if (row.verdict !== "ok" && VERDICTS.includes(row.verdict as Verdict)) { const v = look(row.verdict); return { css: v.css, icon: v.css, word: v.word }; }
  const [css, sign] = SEVERITIES[row.severity] ?? SEVERITIES["info"]!;
  return { css, icon: sign, word: row.severity[0]?.toUpperCase() + row.severity.slice(1) };
}

/** The group and the topic, or the thing, as links. */
export function whatOf(subject: string): (Node | null)[] {
  const link = (id: string, cls = ""): HTMLElement => h("a", { class: cls || null, href: pageOf(id) ?? "/map" }, nameOf(id));
  const kind = kindOf(subject), path = subject.slice(kind.length + 1).split("/");
  if (kind === "lag" && path.length >= 3) return [link(`group:${path[0]}/${path[1]}`), icon("arrow", "i s"), link(`topic:${path[0]}/${path[2]}`, "tp")];
  if (kind === "cluster") return [h("span", {}, `cluster ${nameOf(subject)}`)];
  if (kind === "collector") return [h("a", { href: "/collectors" }, `collector ${nameOf(subject)}`)];
  return [pageOf(subject) ? link(subject) : h("a", { href: `/map?focus=${encodeURIComponent(subject)}` }, nameOf(subject))];
}

/** The page of the subject at a moment. */
export function pageAt(subject: string, at: string | null): string {
  const kind = kindOf(subject), path = subject.slice(kind.length + 1).split("/");
  const page = kind === "lag" ? pageOf(`group:${path[0]}/${path[1]}`) : kind === "collector" ? "/collectors" : pageOf(subject);
  return `${page ?? "/map"}${at ? `?at=${encodeURIComponent(at)}` : ""}`;
}

/** A clock, with the day where it is another one than `now`. */
export function when(time: string | null | undefined, now: number): string {
  const ms = millis(time);
  if (ms === null) return "unknown";
  return day(ms) === day(now) ? clock(ms, false) : `${day(ms).replace(/^\w+ /, "")}, ${clock(ms, false)}`;
}

export function lasted(from: string | null, to: string | null, now: number): string {
  const a = millis(from);
  return a === null ? "unknown" : duration(Math.max(0, ((millis(to) ?? now) - a) / 1000));
}

/** What came of a test, in words, and whether it is bad. */
export function tried(channel: string, what: string, a: Attempt): [string, boolean] {
  const good = a.code !== null && a.code >= 200 && a.code < 300;
  return [good ? `${channel} took the ${what}: ${a.code} in ${Math.round(a.took * 1000)} ms.` : `The ${what} did not arrive at ${channel}: ${a.code === null ? a.excerpt : `${a.code} ${a.excerpt}`}`, !good];
}

/** Sends what a person wants; an answer that is not 2xx throws what is wrong and what helps. */
export async function write<T>(ctx: Context, method: string, path: string, body?: unknown): Promise<T> {
  const answer = await fetch(`/api/v1/alerts${path}`, { method, credentials: "same-origin", headers: { accept: "application/json", "content-type": "application/json", "x-csrftoken": ctx.csrf }, body: body === undefined ? null : JSON.stringify(body) });
  if (answer.status === 204) return undefined as T;
  const found = (await answer.json().catch(() => ({}))) as { detail?: string };
  if (answer.ok) return found as T;
  throw new Error(answer.status === 401 ? "Log in as somebody who may operate Playhead to do this." : upper(found.detail ?? `the server answered ${answer.status}`));
}

export const read = <T>(path: string, signal?: AbortSignal): Promise<T> => getJson<T>(`/api/v1/alerts${path}`, signal);
export const upper = (text: string): string => `${text[0]?.toUpperCase() ?? ""}${text.slice(1)}`;
export const said = (error: unknown): string => (error instanceof Error ? error.message : String(error));

export interface Field { name: string; label: string; value?: string; note?: string; type?: string; options?: [string, string][]; required?: boolean; long?: boolean; half?: boolean }

function control(f: Field): HTMLElement {
  const own = { class: "inp", name: f.name, required: !!f.required };
  if (f.options) return h("select", own, ...f.options.map(([value, label]) => h("option", { value, selected: value === (f.value ?? "") }, label)));
  if (f.long) { const area = h("textarea", { ...own, spellcheck: "false" }); area.value = f.value ?? ""; return area; }
  return h("input", { ...own, type: f.type ?? "text", value: f.value ?? "", autocomplete: "off", spellcheck: "false" });
}

/** Fields with their names, as they stand in a form. */
export function labelled(f: Field): HTMLElement {
  if (f.type === "checkbox") return h("label", { class: "chk" }, h("input", { type: "checkbox", name: f.name, checked: f.value === "1" }), f.label);
  return h("label", {}, f.label, control(f), f.note ? h("small", {}, f.note) : null);
}

/** What was typed; a box that is ticked is "1". */
export function typed(form: HTMLElement): Record<string, string> {
  const out: Record<string, string> = {};
  form.querySelectorAll<HTMLInputElement>("[name]").forEach((el) => { out[el.name] = el.type === "checkbox" ? (el.checked ? "1" : "") : el.value.trim(); });
  return out;
}

const MANY = 6; // fields, beyond which they stand in two columns where there is room

/** A form over the page. `save` throws what is wrong; then the form stays as it is and says so. */
export function openForm(title: string, fields: Field[], action: string, save: (values: Record<string, string>) => Promise<void>, redraw?: (values: Record<string, string>) => Field[]): void {
  const wrong = h("p", { class: "wrong", role: "alert" }), go = h("button", { type: "submit", class: "ctl primary" }, action), body = h("div");
  const form = h("form", { method: "dialog" }, h("h2", {}, title), body, h("div", { class: "btns end" }, wrong, h("button", { type: "button", class: "ctl bare", click: () => dialog.close() }, "Cancel"), go));
  const dialog = h("dialog", { class: fields.length > MANY ? "formbox many" : "formbox", "aria-label": title }, form);
  const fill = (list: Field[]): void => { body.replaceChildren(...list.map(labelled)); };
  fill(fields);
  if (redraw) body.addEventListener("change", (event) => { if ((event.target as HTMLElement).dataset["again"] !== undefined || (event.target as HTMLSelectElement).name === "kind") fill(redraw(typed(form))); });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    go.disabled = true;
    wrong.textContent = "";
    save(typed(form)).then(() => dialog.close(), (error: unknown) => { wrong.textContent = said(error); go.disabled = false; });
  });
  dialog.addEventListener("close", () => { dialog.remove(); back?.focus(); });
  const back = document.activeElement as HTMLElement | null;
  document.body.append(dialog);
  dialog.showModal();
  body.querySelector<HTMLElement>(".inp[required]:not([value]), .inp")?.focus();
}
