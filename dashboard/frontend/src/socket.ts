import { applyPatch, fromFrame } from "./patch.ts";
import type { ErrorMessage, Message, Params, PlayheadMessage, State } from "./types.ts";

export interface ViewEvents {
  state: (state: State, before: State | null) => void;
  error: (error: ErrorMessage) => void;
  playhead?: (playhead: PlayheadMessage) => void;
  /** Seconds without a connection; null when there is one. */
  link?: (away: number | null, retryIn: number) => void;
}

const FIRST_WAIT = 500, LONGEST_WAIT = 10_000;

/** One WebSocket for one view. It comes back by itself, at the playhead where it stood. */
export class ViewSocket {
  private socket: WebSocket | null = null;
  private state: State | null = null;
  private wait = FIRST_WAIT;
  private lostAt: number | null = null;
  private retryAt = 0;
  private timer = 0;
  private ticker = 0;
  private closed = false;
  private at: string;
  private playing: number | null = null;

  constructor(private view: string, private params: Params, private events: ViewEvents) {
    this.at = params["at"] ?? "live";
    this.connect();
  }

  /** An order to the playhead; while there is no connection there is nobody to take it. */
  send(order: object): void {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(order));
  }

  /** Another filter or selection of the same view: the server answers with a whole frame. */
  reopen(params: Params, at?: string): void {
    this.params = params;
    if (at !== undefined) [this.at, this.playing] = [at, null];
    if (this.socket?.readyState === WebSocket.OPEN) this.open();
  }

  close(): void {
    this.closed = true;
    window.clearTimeout(this.timer);
    window.clearInterval(this.ticker);
    this.socket?.close();
  }

  private open(): void {
    this.state = null;
    this.socket?.send(JSON.stringify({ type: "open", view: this.view, params: this.params, at: this.at }));
    if (this.playing !== null) this.send({ type: "play", speed: this.playing });
  }

  private connect(): void {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}/ws/v1/view`);
    this.socket = socket;
    socket.onopen = () => { this.open(); };
    socket.onmessage = (event) => this.receive(JSON.parse(String(event.data)) as Message);
    socket.onclose = () => { if (!this.closed) this.lost(); };
  }

  private receive(message: Message): void {
    if (message.type === "error") return this.events.error(message);
    if (message.type === "playhead") {
      this.at = message.live ? "live" : message.at;
      this.playing = message.playing ? message.speed : null;
      return this.events.playhead?.(message);
    }
    this.found();
    const before = this.state;
    if (message.type === "frame") this.state = fromFrame(message);
    else if (before) this.state = applyPatch(before, message);
    if (this.state) this.events.state(this.state, before);
  }

  private found(): void {
    this.wait = FIRST_WAIT;
    if (this.lostAt === null) return;
    this.lostAt = null;
    window.clearInterval(this.ticker);
    this.events.link?.(null, 0);
  }

  private lost(): void {
    if (this.lostAt === null) {
      this.lostAt = Date.now();
      this.ticker = window.setInterval(() => this.tellAway(), 1000);
    }
    // A little chance in the wait, so that a restarted server is not met by every page at once.
    const wait = this.wait * (0.75 + Math.random() / 2);
    this.retryAt = Date.now() + wait;
    this.wait = Math.min(this.wait * 2, LONGEST_WAIT);
    this.timer = window.setTimeout(() => this.connect(), wait);
    this.tellAway();
  }

  private tellAway(): void {
    if (this.lostAt === null) return;
    this.events.link?.((Date.now() - this.lostAt) / 1000, Math.max(0, (this.retryAt - Date.now()) / 1000));
  }
}
