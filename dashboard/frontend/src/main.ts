import { refreshAges } from "./ages.ts";
import { Deck } from "./deck.ts";
import type { Context, View } from "./context.ts";
import { byId } from "./dom.ts";
import { Bell } from "./firing.ts";
import { millis } from "./format.ts";
import { Head, keepInLinks, keys } from "./head.ts";
import { startKeysList } from "./keyslist.ts";
import { emptyNote } from "./parts.ts";
import { startSearch } from "./search.ts";
import { Shell } from "./shell.ts";
import { ViewSocket } from "./socket.ts";
import { Tape } from "./tape.ts";
import { onTheme } from "./theme.ts";
import type { ErrorMessage, Params, PlayheadMessage, State } from "./types.ts";

type Make = (root: HTMLElement, ctx: Context) => View;

async function maker(view: string): Promise<Make> {
  if (view === "map") return (await import("./map.ts")).makeMap;
  if (view === "alerts") return (await import("./alerts.ts")).makeAlerts;
  if (view === "changes") return (await import("./changes.ts")).makeChanges;
  if (view === "lag") return (await import("./lag.ts")).makeLag;
  if (["topics", "services", "teams", "collectors", "drift", "connectors", "queries", "systems"].includes(view)) return (await import("./lists.ts")).makeList;
  return (await import("./detail.ts")).makeDetail;
}

class Page implements Context {
  readonly view = document.body.dataset["view"] ?? "map";
  readonly csrf = document.body.dataset["csrf"] ?? "";
  private allowed = new Set((document.body.dataset["may"] ?? "").split(" "));
  may = (action: string): boolean => this.allowed.has(action);
  params: Params = JSON.parse(document.body.dataset["params"] || "{}") as Params;
  private current: State | null = null;
  private receivedAt = 0;
  private frameAt = Date.now();
  private drawn: View | null = null;
  private socket: ViewSocket | null = null;
  private shell: Shell;
  private head: Head;
  private deck: Deck;
  private tape: Tape;
  private bell = new Bell();
  private root = byId("view")!;

  constructor() {
    for (const [name, value] of new URLSearchParams(location.search)) this.params[name] = value;
    this.shell = new Shell(this, () => this.tick(), (at) => this.head.seek(millis(at) ?? 0));
    this.head = new Head((order) => this.socket?.send(order), () => this.placed());
    this.head.live = !this.params["at"] || this.params["at"] === "live";
    this.deck = new Deck(this.head, { hindsight: () => this.params["hindsight"] === "1", setHindsight: (on) => this.setParams({ hindsight: on ? "1" : null }, true) });
    this.tape = new Tape(this, this.head);
    keys(this.head);
    keepInLinks(() => (this.head.live ? null : this.params["at"] ?? null), () => (this.params["hindsight"] === "1" ? { hindsight: "1" } : {} as Record<string, string>));
    window.addEventListener("popstate", () => this.back());
    startSearch();
    startKeysList();
    onTheme(() => this.drawn?.themed?.());
  }

  /** Ages are counted against the moment shown: it stands still when paused and runs ahead of frames only when live. */
  now = (): number => (this.head.live ? this.frameAt + (performance.now() - this.receivedAt) : this.frameAt);
  live = (): boolean => this.head.live;
  bounds = (): [number, number] | null => (this.head.begin === null || this.head.end === null ? null : [this.head.begin, this.head.end]);
  state = (): State | null => this.current;

  seek = (to: number, params: Record<string, string | null> = {}): void => {
    const changed = Object.entries(params).filter(([name, value]) => (this.params[name] ?? null) !== value);
    if (!changed.length) return this.head.seek(to);
    this.change(params);
    this.socket?.reopen(this.params, new Date(Math.max(to, this.head.begin ?? to)).toISOString());
  };

  setParams = (change: Record<string, string | null>, reopen = false): void => {
    this.change(change);
    history.replaceState(null, "", this.url());
    if (reopen) this.socket?.reopen(this.params);
  };

  private change(change: Record<string, string | null>): void {
    for (const [name, value] of Object.entries(change)) {
      if (value === null || value === "") delete this.params[name];
      else this.params[name] = value;
    }
  }

  private url(): string {
    const query = new URLSearchParams(this.params);
    query.delete("id");
    return query.size ? `?${query}` : location.pathname;
  }

  /** The browser's back and forward: the URL says where to stand. */
  private back(): void {
    const id = this.params["id"];
    this.params = { ...(id ? { id } : {}), ...Object.fromEntries(new URLSearchParams(location.search)) };
    this.socket?.reopen(this.params, this.params["at"] ?? "live");
  }

  /** The server's word on where this view stands: into the URL, the deck and the tape. */
  private stands(message: PlayheadMessage): void {
    const was = (this.params["at"] ?? "live") === "live", first = this.head.at === null;
    this.head.told(message);
    if (message.live) delete this.params["at"];
    else this.params["at"] = message.at;
    if (was !== message.live && !first) history.pushState(null, "", this.url());
    else if (!message.playing) history.replaceState(null, "", this.url());
    if (first) this.tape.begin();
    this.placed();
  }

  private placed(): void {
    this.deck.draw(this.head.live ? this.frameAt : this.head.place);
    this.tape.placed();
    this.drawn?.placed?.();
  }

  async start(): Promise<void> {
    const making = maker(this.view);
    this.socket = new ViewSocket(this.view, this.params, {
      state: (state, before) => { void making.then((make) => this.draw(make, state, before)); },
      error: (error) => this.fail(error),
      playhead: (message) => this.stands(message),
      link: (away, retryIn) => { this.shell.link(away, retryIn); if (away !== null) this.deck.link(false); },
    });
    window.setInterval(() => this.tick(), 1000);
    await making;
  }

  /** Nothing to draw and a reason why: the reason stands where the view would. */
  private fail(error: ErrorMessage): void {
    this.shell.error(error);
    this.deck.link(true);
    if (this.drawn) return;
    this.root.className = "page";
    // Before the tape, the strip above has the button that leads to where it begins.
    const way = error.begin ? undefined : { href: "/collectors", text: "See the collectors" };
    this.root.replaceChildren(emptyNote("clock", error.title, [error.detail, error.remedy].filter(Boolean).join(" "), way));
  }

  private draw(make: Make, state: State, before: State | null): void {
    this.current = state;
    this.frameAt = millis(state.at) ?? Date.now();
    this.receivedAt = performance.now();
    this.shell.clearError();
    this.shell.update(state);
    this.bell.update(state, this.head.live);
    if (!this.drawn) { this.root.replaceChildren(); this.drawn = make(this.root, this); }
    this.drawn.update(state, before);
    this.deck.link(true);
    this.tape.update(state);
    this.deck.draw(this.frameAt);
    this.root.dataset["tick"] = String(state.tick);
    this.root.dataset["moment"] = state.at;
  }

  private tick(): void {
    refreshAges(document, this.now());
    this.drawn?.tick?.();
    this.deck.draw(this.head.live ? this.frameAt : this.head.place ?? this.frameAt);
  }
}

void new Page().start();
