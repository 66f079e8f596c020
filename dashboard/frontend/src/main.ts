import { refreshAges } from "./ages.ts";
import type { Context, View } from "./context.ts";
import { byId } from "./dom.ts";
import { millis } from "./format.ts";
import { emptyNote } from "./parts.ts";
import { startSearch } from "./search.ts";
import { Shell } from "./shell.ts";
import { ViewSocket } from "./socket.ts";
import { Tape } from "./tape.ts";
import { onTheme } from "./theme.ts";
import type { ErrorMessage, Params, State } from "./types.ts";

type Make = (root: HTMLElement, ctx: Context) => View;

async function maker(view: string): Promise<Make> {
  if (view === "map") return (await import("./map.ts")).makeMap;
  if (view === "lag") return (await import("./lag.ts")).makeLag;
  if (["topics", "services", "teams", "collectors"].includes(view)) return (await import("./lists.ts")).makeList;
  return (await import("./detail.ts")).makeDetail;
}

class Page implements Context {
  readonly view = document.body.dataset["view"] ?? "map";
  readonly csrf = document.body.dataset["csrf"] ?? "";
  params: Params = JSON.parse(document.body.dataset["params"] || "{}") as Params;
  private current: State | null = null;
  private receivedAt = 0;
  private frameAt = Date.now();
  private drawn: View | null = null;
  private socket: ViewSocket | null = null;
  private shell: Shell;
  private tape: Tape;
  private root = byId("view")!;

  constructor() {
    for (const [name, value] of new URLSearchParams(location.search)) this.params[name] = value;
    this.shell = new Shell(this, () => this.tick());
    this.tape = new Tape(this);
    startSearch();
    onTheme(() => this.drawn?.themed?.());
  }

  now = (): number => this.frameAt + (performance.now() - this.receivedAt);
  state = (): State | null => this.current;

  setParams = (change: Record<string, string | null>, reopen = false): void => {
    for (const [name, value] of Object.entries(change)) {
      if (value === null || value === "") delete this.params[name];
      else this.params[name] = value;
    }
    const query = new URLSearchParams(this.params);
    query.delete("id");
    history.replaceState(null, "", query.size ? `?${query}` : location.pathname);
    if (reopen) this.socket?.reopen(this.params);
  };

  async start(): Promise<void> {
    const making = maker(this.view);
    this.socket = new ViewSocket(this.view, this.params, {
      state: (state, before) => { void making.then((make) => this.draw(make, state, before)); },
      error: (error) => this.fail(error),
      link: (away, retryIn) => { this.shell.link(away, retryIn); if (away !== null) this.tape.link(false); },
    });
    window.setInterval(() => this.tick(), 1000);
    await making;
  }

  /** Nothing to draw and a reason why: the reason stands where the view would. */
  private fail(error: ErrorMessage): void {
    this.shell.error(error);
    this.tape.link(true);
    if (this.drawn) return;
    this.root.className = "page";
    this.root.replaceChildren(emptyNote("clock", error.title, [error.detail, error.remedy].filter(Boolean).join(" "), { href: "/collectors", text: "See the collectors" }));
  }

  private draw(make: Make, state: State, before: State | null): void {
    const first = this.current === null;
    this.current = state;
    this.frameAt = millis(state.at) ?? Date.now();
    this.receivedAt = performance.now();
    this.shell.clearError();
    this.shell.update(state);
    if (!this.drawn) { this.root.replaceChildren(); this.drawn = make(this.root, this); }
    this.drawn.update(state, before);
    this.tape.link(true);
    this.tape.update(state);
    this.tape.tick();
    this.root.dataset["tick"] = String(state.tick);
    if (first) void this.tape.load();
  }

  private tick(): void {
    refreshAges(document, this.now());
    this.drawn?.tick?.();
    this.tape.tick();
  }
}

void new Page().start();
