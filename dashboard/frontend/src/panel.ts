// The side panel: one selected thing with its numbers, its neighbours and why we believe each of them.
import { firingNote } from "./firing.ts";
import { ageTag, refreshAges } from "./ages.ts";
import { sampledAt, secondsSince, type Context } from "./context.ts";
import { button, h, icon } from "./dom.ts";
import { kindOf, nameOf, pageOf } from "./ids.ts";
import { alarm, facts, numbers, peers } from "./panelparts.ts";
import { PanelSparks } from "./panelsparks.ts";
import { failure } from "./outside.ts";
import { kindShape } from "./parts.ts";
import { ViewSocket } from "./socket.ts";
import type { Row, State } from "./types.ts";

export interface PanelEvents { close: () => void; pick: (id: string) => void; open: (id: string) => void }

export class Panel {
  private el = h("aside", { class: "side", "aria-label": "Selected", hidden: true });
  private socket: ViewSocket | null = null;
  private id: string | null = null;
  private sparks: PanelSparks;

  constructor(private root: HTMLElement, private ctx: Context, private events: PanelEvents) {
    this.sparks = new PanelSparks(ctx);
    root.append(this.el);
    this.el.addEventListener("keydown", (event) => { if (event.key === "Escape") events.close(); });
  }

  select(id: string | null): void {
    if (id === this.id) return;
    this.id = id;
    this.socket?.close();
    this.socket = null;
    this.el.hidden = id === null;
    this.root.classList.toggle("with-side", id !== null);
    if (id === null) return;
    this.el.replaceChildren(this.head(id, null), h("section", {}, h("p", { class: "dim" }, "Reading what is known of it.")));
    this.socket = new ViewSocket("panel", { ...this.ctx.params, id }, {
      state: (state) => { if (this.id === id) this.draw(id, state); },
      error: (error) => { if (this.id === id) this.el.replaceChildren(this.head(id, null), h("section", {}, h("p", {}, h("b", {}, error.title), ` ${error.detail ?? ""} ${error.remedy ?? ""}`))); },
    });
  }

  tick(): void { if (this.id) refreshAges(this.el, this.ctx.now()); }

  private head(id: string, info: Row | null): HTMLElement {
    const name = String(info?.["name"] ?? nameOf(id)), page = pageOf(id);
    const copy = button("Copy link", () => void navigator.clipboard?.writeText(location.href), { class: "ctl bare icon", "aria-label": "Copy link", title: "Copy link" }, icon("link", "i s"));
    const close = button("Close", this.events.close, { class: "ctl bare icon", "aria-label": "Close", title: "Close" }, icon("close", "i s"));
    const title = h("div", { class: "t" }, kindShape(String(info?.["kind"] ?? kindOf(id))), h("h2", {}, page ? h("a", { href: page }, name) : name), copy, close);
    return h("div", { class: "head" }, title, info ? facts(info) : null);
  }

  private draw(id: string, state: State): void {
    const info = Object.values(state.tables["info"] ?? {})[0] ?? null, scroll = this.el.scrollTop;
    const worst = alarm(state), sampled = info ? sampledAt(state, info) : null;
    const sections: (Node | null)[] = [this.head(id, info), firingNote(state, id), info ? failure(info) : null, worst, info ? numbers(info, ageTag(sampled, this.ctx.now())) : null];
    const topic = (info?.["kind"] ?? kindOf(id)) === "topic";
    const part = (title: string, table: string, relation?: string): void => { sections.push(section(title, peers(state, table, this.events.pick, relation))); };
    if (topic) { part("Written by", "writers"); part("Read by", "readers"); }
    else { part("Reads", "writers", "reads"); part("Writes", "readers", "writes"); part("Calls", "readers", "calls"); part("Called by", "writers", "calls"); part("Read by", "readers", "reads"); part("Written by", "writers", "writes"); }
    if (info?.["reason"]) sections.push(h("section", {}, h("p", { class: "mut" }, String(info["reason"]))));
    sections.push(this.foot(id, info));
    this.el.replaceChildren(...sections.filter((x): x is Node => x !== null));
    this.sparks.fill(this.el, id, String(info?.["kind"] ?? kindOf(id)));
    this.el.scrollTop = scroll;
    const seconds = secondsSince(this.ctx, sampled);
    this.el.classList.toggle("old", info?.["stale"] === true || (seconds !== null && seconds > 60));
  }

  private foot(id: string, info: Row | null): HTMLElement {
    const page = pageOf(id), team = info?.["kind"] === "team" || kindOf(id) === "team";
    const around = `/map?focus=${encodeURIComponent(id)}`;
    return h("section", { class: "foot" },
      page ? h("a", { class: "ctl primary", href: page }, "Open its page") : null,
      team ? button("Open in place", () => this.events.open(id)) : h("a", { class: "ctl", href: around }, icon("map", "i s"), "Only what touches it"));
  }
}

function section(title: string, rows: HTMLElement[]): HTMLElement | null {
  if (!rows.length) return null;
  return h("section", {}, h("h3", {}, title, h("small", {}, String(rows.length))), ...rows);
}
