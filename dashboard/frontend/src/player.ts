// The records of a topic, read back from Kafka at the playhead's moment and played at the pace at which they were written.
import type { Context } from "./context.ts";
import { button, h, icon, setText } from "./dom.ts";
import { bytes, count, millis } from "./format.ts";
import { openMenu } from "./menu.ts";
import { headLine, recordLine } from "./recordrow.ts";
import { Reel, type RecordsAnswer } from "./reel.ts";
import type { State } from "./types.ts";

interface UnderWay { state: string; records: number; bytes: number; seconds: number }
interface Trouble { status: number; detail: string; remedy: string }

const SPEEDS = [1, 2, 5, 10, 30, 60, 120, 300, 600], PAGE = 100, BEFORE = 30, LIVE_MS = 3_000, AGAIN_MS = 5_000, FRAME_MS = 50;

export class Player {
  readonly el = h("section", { class: "block replay", "aria-label": "Records" });
  private reel = new Reel();
  private asking: AbortController | null = null;
  private elements = new Map<string, HTMLElement>();
  private list = h("ol", { class: "recs" });
  private head = headLine();
  private place = h("div", { class: "recsplace" });
  private about = h("span", { class: "age num", "aria-live": "off" });
  private pace = h("span", { class: "pace num" });
  private cancel = button("Cancel", () => this.stop("Reading was cancelled."), { hidden: true });
  private playing = false;
  private own = false;
  private speed = 1;
  private moment = 0;
  private pageAt = 0;
  private wasLive = true;
  private payloads = "hidden";
  private seen = false;
  private partitions = 0;
  private lastFrame = 0;
  private askedAt = 0;
  private trouble: Trouble | null = null;
  private play: HTMLButtonElement;
  private speedMenu: HTMLButtonElement;
  private which: HTMLSelectElement;
  private mode = h("span", { class: "ctl quiet", hidden: true });

  constructor(private ctx: Context, private topic: string) {
    this.play = button("Play", () => this.toggle(), { class: "play", title: "Play the records" }, icon("play"), h("span", { class: "sr" }, "Play the records"));
    this.speedMenu = button("1×", () => this.pickSpeed(), { class: "speed", "aria-haspopup": "menu", "aria-label": "Speed of the records" });
    this.which = h("select", { class: "ctl", "aria-label": "Partition", change: () => this.choose() });
    const step = (n: number, name: string, label: string): HTMLElement => button(label, () => { void this.step(n); }, { class: null, title: label }, icon(name), h("span", { class: "sr" }, label));
    const controls = h("span", { class: "ctrls" }, step(-1, "back", "One record back"), this.play, step(1, "fwd", "One record on"), this.speedMenu);
    this.place.append(this.list);
    this.el.append(h("header", {}, h("h2", {}, "Records"), h("p", {}, "read back from Kafka at the playhead, in the order in which they were written"), h("span", { class: "push" }), this.about, this.cancel),
      h("div", { class: "rctl" }, controls, this.pace, h("span", { class: "push" }), this.which, this.mode),
      h("div", { class: "rhead", "aria-hidden": "true" }, ...["Written", "after", "Part.", "Offset", "Key", "Value", "Size"].map((x, i) => h("span", { class: ["c-time", "c-dt", "c-p", "c-o", "c-k", "c-val", "c-b"][i]! }, x))), this.place);
    new IntersectionObserver((entries) => { if (entries.some((e) => e.isIntersecting)) this.begin(); }).observe(this.el);
    window.setInterval(() => this.turn(), FRAME_MS);
    this.wasLive = this.live;
    this.drawControls();
  }

  /** The page's playhead: where it is moved to, the records follow. */
  update(state: State): void {
    const at = millis(state.at) ?? 0, moved = at !== this.pageAt;
    this.pageAt = at;
    this.drawPartitions(Object.keys(state.tables["partitions"] ?? {}).length);
    if (!this.seen || this.live || !moved) return;
    this.own = this.playing = false;
    this.drawControls();
    this.seek(at);
  }

  /** The page turned live, or away from it: the server says so after it has sent what it shows. */
  placed(): void {
    if (this.live === this.wasLive) return;
    this.wasLive = this.live;
    if (!this.seen) return;
    this.own = this.playing = false;
    this.drawControls();
    if (this.live) void this.load();
    else this.seek(this.pageAt);
  }

  private get live(): boolean { return (this.ctx.params["at"] ?? "live") === "live"; }

  private begin(): void {
    if (this.seen || !this.pageAt) return;
    this.seen = true;
    void this.load();
  }

  private seek(moment: number): void {
    this.moment = moment;
    if (this.reel.covers(moment)) { this.drawHead(); this.more(); } else if (!this.asking) void this.load();
  }

  // Reading

  /** Anew: around the moment, or the newest where the page is live. */
  private async load(): Promise<void> {
    const live = this.live && !this.own, moment = live ? Date.now() : this.moment || this.pageAt;
    const at = new Date(Math.min(moment, Date.now())).toISOString();
    const before = await this.read(live ? { limit: PAGE } : { at, order: "older", limit: BEFORE });
    if (!before) return;
    this.reel.start(before.newer, before.older);
    this.reel.prepend(before);
    this.clear();
    this.moment = live ? Infinity : moment;
    this.drawList();
    if (!live) await this.on();
    else this.reel.ended = true;
    // The playhead went on meanwhile, out of what was read.
    if (!live && !this.own && this.pageAt !== moment && !this.live) this.seek(this.pageAt);
  }

  private async on(): Promise<void> {
    const page = await this.read({ cursor: this.reel.newer, limit: PAGE });
    if (!page) return;
    this.reel.append(page);
    this.drawList();
  }

  private more(): void {
    if (!this.asking && !this.trouble && this.reel.low(this.moment, this.speed)) void this.on();
  }

  /** One page; while it is read it tells how far it is, and who no longer asks has cancelled. Null where there is none. */
  private async read(query: Record<string, string | number>): Promise<RecordsAnswer | null> {
    this.asking?.abort();
    const asking = (this.asking = new AbortController());
    const words = new URLSearchParams({ topic: this.topic, wait: "1", ...Object.fromEntries(Object.entries(query).map(([k, v]) => [k, String(v)])) });
    const partition = this.ctx.params["partition"];
    if (partition) words.set("partition", partition);
    this.askedAt = performance.now();
    try {
      const answer = await this.ask(words, asking);
      this.troubled(null);
      this.payloads = answer.payloads;
      this.partitions = answer.partitions;
      this.told(answer);
      return answer;
    } catch (error) {
      if (!asking.signal.aborted) this.troubled("status" in (error as object) ? (error as Trouble) : { status: 0, detail: "Playhead does not answer.", remedy: "It is tried again." });
      return null;
    } finally {
      if (this.asking === asking) { this.asking = null; this.cancel.hidden = true; }
    }
  }

  private async ask(words: URLSearchParams, asking: AbortController): Promise<RecordsAnswer> {
    for (;;) {
      const answer = await fetch(`/api/v1/records?${words}`, { headers: { accept: "application/json" }, credentials: "same-origin", signal: asking.signal });
      const body = (await answer.json()) as RecordsAnswer & UnderWay & { detail?: string; remedy?: string };
      if (answer.status === 200) return body;
      if (answer.status !== 202) throw { status: answer.status, detail: body.detail ?? "", remedy: body.remedy ?? "" } as Trouble;
      setText(this.about, body.state === "waiting" ? "waiting for the reader" : `reading: ${count(body.records)} records, ${bytes(body.bytes)}, ${body.seconds.toFixed(0)} s`);
      this.cancel.hidden = false;
    }
  }

  private stop(words: string): void {
    this.asking?.abort();
    this.asking = null;
    this.cancel.hidden = true;
    this.playing = false;
    this.trouble = { status: -1, detail: words, remedy: "" };
    this.drawTrouble();
    this.drawControls();
  }

  private told(a: RecordsAnswer): void {
    const limit = a.stopped === "bytes" ? ", ended early at its limit of bytes" : a.stopped === "time" ? ", ended early at its limit of time" : "";
    setText(this.about, `${count(a.partitions)} ${a.partitions === 1 ? "partition" : "partitions"} read in ${a.seconds.toFixed(1)} s · ${bytes(a.bytes)}${limit}${a.error ? ` · ${a.error}` : ""}`);
    this.mode.hidden = false;
    this.mode.replaceChildren(icon("lock", "i s"), `Payloads ${a.payloads}`);
  }

  // Playing

  private toggle(): void {
    if (this.playing) this.playing = false;
    else {
      const first = this.reel.held[0];
      if (!Number.isFinite(this.moment) || this.reel.passed(this.moment) >= this.reel.held.length) this.moment = (first?.stands ?? Date.now()) - 1;
      this.own = this.playing = true;
      this.lastFrame = performance.now();
    }
    this.drawHead();
    this.drawControls();
  }

  private async step(n: number): Promise<void> {
    this.playing = false;
    this.own = true;
    let index = this.reel.passed(this.moment) + n;
    if (index < 1 && !this.reel.began) {
      const had = this.reel.held.length, first = this.reel.held[0];
      const before: Record<string, string> = this.reel.older ? { cursor: this.reel.older } : { at: new Date(first?.stands ?? Date.now()).toISOString(), order: "older" };
      const page = await this.read({ ...before, limit: PAGE });
      if (page) { this.reel.prepend(page); index += this.reel.held.length - had; }
    }
    const at = Math.min(Math.max(index, 1), this.reel.held.length) - 1, standing = this.reel.held[at]?.stands;
    if (standing !== undefined) this.moment = n < 0 && standing === this.reel.held[at + 1]?.stands ? standing - 1 : standing;
    this.drawList();
    this.more();
    this.drawControls();
  }

  private turn(): void {
    const now = performance.now();
    if (!this.el.isConnected || document.hidden) { this.lastFrame = now; return; }
    if (this.trouble && this.trouble.status !== -1 && this.trouble.status !== 401 && !this.asking && now - this.askedAt > AGAIN_MS) { void this.load(); return; }
    if (this.playing) this.advance(now);
    else if (this.live && !this.own && this.seen && !this.asking && !this.trouble && now - this.askedAt > LIVE_MS) void this.tail();
  }

  /** As time goes on, times the speed; never beyond what was read, so that no record is passed over. */
  private advance(now: number): void {
    this.moment = Math.min(this.moment + (now - this.lastFrame) * this.speed, this.reel.known(), Date.now());
    this.lastFrame = now;
    this.drawHead();
    this.more();
    if (!this.reel.ended || this.reel.passed(this.moment) < this.reel.held.length) return;
    this.playing = false;
    if (this.live) { this.own = false; this.moment = Infinity; }
    this.drawControls();
  }

  /** The page is live: what was written since; more than a page of it is too much to follow, and the newest is shown. */
  private async tail(): Promise<void> {
    if (!this.reel.newer) return this.load();
    const page = await this.read({ cursor: this.reel.newer, limit: PAGE });
    if (!page) return;
    if (!page.ended) return this.load();
    this.reel.append(page);
    this.drawList();
  }

  private pickSpeed(): void {
    openMenu(this.speedMenu, "Speed", SPEEDS.map((x) => ({ label: `${x}×`, current: x === this.speed, run: () => { this.speed = x; this.drawControls(); } })));
  }

  private choose(): void {
    this.ctx.setParams({ partition: this.which.value || null });
    this.troubled(null);
    void this.load();
  }

  // Drawing

  private drawPartitions(n: number): void {
    if (this.which.options.length === n + 1) return;
    const option = (value: string, words: string): HTMLElement => h("option", { value, selected: value === (this.ctx.params["partition"] ?? "") }, words);
    this.which.replaceChildren(option("", "All partitions"), ...Array.from({ length: n }, (_, i) => option(String(i), `Partition ${i}`)));
  }

  private drawControls(): void {
    this.play.replaceChildren(icon(this.playing ? "pause" : "play"), h("span", { class: "sr" }, this.playing ? "Pause the records" : "Play the records"));
    this.play.title = this.playing ? "Pause" : "Play the records";
    this.speedMenu.replaceChildren(`${this.speed}×`, icon("down", "i s"));
    const words = this.own ? (this.playing ? "played as they were written" : "stopped here") : this.live ? "the newest, as they come" : "at the page's moment";
    setText(this.pace, words);
    this.el.dataset["playing"] = String(this.playing);
  }

  private clear(): void {
    this.elements.clear();
    this.list.replaceChildren();
  }

  /** Rows for what is held; those that are there already stay, opened or not. */
  private drawList(): void {
    const wanted = new Set(this.reel.held.map((x) => x.key));
    this.elements.forEach((el, key) => { if (!wanted.has(key)) { el.remove(); this.elements.delete(key); } });
    const stuck = this.place.scrollHeight - this.place.scrollTop - this.place.clientHeight < 40 || this.place.scrollTop === 0;
    let before: HTMLElement | null = null;
    this.reel.held.forEach((each, i) => {
      let el = this.elements.get(each.key);
      if (!el) {
        el = recordLine(each, this.reel.held[i - 1] ?? null, this.payloads);
        this.elements.set(each.key, el);
        if (before) before.after(el); else this.list.prepend(el);
      }
      before = el;
    });
    this.el.dataset["records"] = String(this.reel.held.length);
    this.drawTrouble();
    this.drawHead();
    if (stuck && !Number.isFinite(this.moment)) this.place.scrollTop = this.place.scrollHeight;
  }

  private drawHead(): void {
    const index = this.reel.passed(this.moment), at = this.elements.get(this.reel.held[index]?.key ?? "");
    this.reel.held.forEach((each, i) => this.elements.get(each.key)?.classList.toggle("next", i >= index));
    if (Number.isFinite(this.moment)) {
      this.head.show(this.moment, index < this.reel.held.length ? "to come" : this.reel.ended ? "nothing more was written" : "");
      const moved = this.head.el.nextElementSibling !== (at ?? null) || !this.head.el.isConnected;
      if (at) at.before(this.head.el); else this.list.append(this.head.el);
      if (moved) this.follow();
    } else this.head.el.remove();
    this.el.dataset["passed"] = String(index);
  }

  /** The playhead's line stays in sight, inside the list's own frame. */
  private follow(): void {
    const top = this.head.el.offsetTop - this.list.offsetTop, seen = this.place.clientHeight;
    if (top < this.place.scrollTop + 60 || top > this.place.scrollTop + seen - 60) this.place.scrollTop = top - seen / 2;
  }

  private troubled(trouble: Trouble | null): void {
    this.trouble = trouble;
    if (trouble) { this.playing = false; this.drawControls(); setText(this.about, ""); }
    this.drawTrouble();
  }

  private drawTrouble(): void {
    this.place.querySelector(".recsnote")?.remove();
    const t = this.trouble;
    if (t?.status === 401) this.note("Log in to see records", "Records may hold what is not for everybody.", h("a", { class: "ctl", href: `/login?next=${encodeURIComponent(location.pathname + location.search)}` }, "Log in"));
    else if (t?.status === -1) this.note(t.detail, "", button("Read again", () => { this.troubled(null); void this.load(); }));
    else if (t) this.note("Records cannot be read now", [t.detail, t.remedy].filter(Boolean).join(". "), button("Try again", () => { this.troubled(null); void this.load(); }));
    else if (!this.reel.held.length && this.partitions) this.note("No records here", "None were written around this moment, or Kafka has deleted them.", null);
    this.list.hidden = t?.status === 401;
  }

  private note(title: string, detail: string, action: HTMLElement | null): void {
    this.place.append(h("div", { class: "recsnote", role: "status" }, h("b", {}, title), detail ? h("p", {}, detail) : null, action));
  }
}
