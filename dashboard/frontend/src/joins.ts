// Names that may be one service: said by a person, never by the program.
import type { Context } from "./context.ts";
import { h, icon } from "./dom.ts";
import type { Row, State } from "./types.ts";

const KINDS: Record<string, string> = { group: "consumer group", transactional_id: "transactional id", client_id: "client id", service: "service" };
const HOW: Record<string, string> = { rule: "by a rule in the configuration", spans: "its spans say so", confirmed: "confirmed by a person", connect: "Kafka Connect says so" };
const str = (v: unknown): string => (v === null || v === undefined ? "" : String(v));
const keyOf = (row: Row): string => JSON.stringify([row["kind"], row["cluster"], row["name"], row["service"]]);

/** Tells the server; what it answers when it refuses is thrown. */
async function say(ctx: Context, row: Row, verdict: string): Promise<void> {
  const body = { kind: row["kind"], cluster: row["cluster"] ?? "", name: row["name"], service: row["service"], verdict };
  const answer = await fetch("/api/v1/joins", { method: "POST", credentials: "same-origin", headers: { "content-type": "application/json", "x-csrftoken": ctx.csrf }, body: JSON.stringify(body) });
  if (answer.ok) return;
  const problem = (await answer.json().catch(() => ({}))) as { detail?: string };
  throw new Error(answer.status === 401 ? "Log in as somebody who may operate to say so." : problem.detail ?? `The server answered ${answer.status}.`);
}

/** One name with its buttons; once said it waits for the next frame to leave. */
class Line {
  readonly el = h("li", { class: "join" });
  private note = h("span", { class: "dim", role: "status" });

  constructor(private ctx: Context, private row: Row, words: (Node | string)[], buttons: [string, string, string][]) {
    this.el.append(h("div", { class: "join-words" }, ...words), ...buttons.map(([verdict, label, title]) => h("button", { type: "button", class: "ctl", title, click: (event) => void this.press(event.currentTarget as HTMLButtonElement, verdict) }, label)), this.note);
  }

  private async press(button: HTMLButtonElement, verdict: string): Promise<void> {
    const all = this.el.querySelectorAll("button");
    all.forEach((b) => { b.disabled = true; });
    this.note.textContent = "…";
    try {
      await say(this.ctx, this.row, verdict);
      this.note.textContent = "Said; the next frame shows it.";
    } catch (error) {
      this.note.textContent = error instanceof Error ? error.message : String(error);
      all.forEach((b) => { b.disabled = false; });
      button.focus();
    }
  }
}

/** The names alike of which nobody has said anything. Drawn anew only when they are others. */
export class Suggestions {
  readonly el = h("section", { class: "joins", hidden: true, "aria-label": "Names that may be one service" });
  private shown = "";

  constructor(private ctx: Context) {}

  update(state: State): void {
    const rows = Object.values(state.tables["suggestions"] ?? {}), key = JSON.stringify(rows.map(keyOf));
    if (key === this.shown) return;
    this.shown = key;
    this.el.hidden = rows.length === 0;
    const lines = rows.map((row) => new Line(this.ctx, row, [h("b", {}, str(row["name"])), ` (${KINDS[str(row["kind"])] ?? str(row["kind"])}) may be service `, h("b", {}, str(row["service"])), h("div", { class: "why" }, str(row["why"]))], [["same", "Same", `${str(row["name"])} is ${str(row["service"])}`], ["different", "Not the same", "Do not ask again"]]).el);
    this.el.replaceChildren(h("h2", {}, icon("link", "i s"), "One service, two names?", h("small", {}, String(rows.length))), h("ul", {}, ...lines));
  }
}

/** A service's other names, how each is known, and for what a person said a way back. */
export function knownAs(state: State, info: Row, ctx: Context): HTMLElement | null {
  const names = Array.isArray(info["known_as"]) ? (info["known_as"] as Row[]) : [], said = Object.values(state.tables["said"] ?? {});
  const taken = new Set(said.map((s) => `${str(s["kind"])}/${str(s["name"])}`));
  const proven = names.filter((n) => !taken.has(`${str(n["kind"])}/${str(n["name"])}`));
  if (!proven.length && !said.length) return null;
  const word = (n: Row): (Node | string)[] => [h("b", {}, str(n["name"])), ` ${KINDS[str(n["kind"])] ?? str(n["kind"])}`];
  const lines = proven.map((n) => h("li", { class: "join" }, h("div", { class: "join-words" }, ...word(n), h("div", { class: "why" }, HOW[str(n["how"])] ?? str(n["how"])))));
  const back = said.map((s) => new Line(ctx, s, [...word(s), h("div", { class: "why" }, `confirmed by ${str(s["by"])}`)], [["open", "Take back", "It is not known to be this service any more"]]).el);
  return h("section", { class: "joins" }, h("h3", {}, "Known as", h("small", {}, String(proven.length + said.length))), h("ul", {}, ...lines, ...back));
}
