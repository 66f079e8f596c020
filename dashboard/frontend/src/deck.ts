// The controls of the tape, and the banner of a view that is not live.
import { byId, button, h, icon, setText } from "./dom.ts";
import { clock, date, day, duration, exactClock, isUtc, zoneName } from "./format.ts";
import { SPEEDS, type Head } from "./head.ts";
import { openMenu } from "./menu.ts";

interface Page { hindsight: () => boolean; setHindsight: (on: boolean) => void }

export class Deck {
  private banner: HTMLElement | null = null;
  private up = false;

  constructor(private head: Head, private page: Page) {
    const on = (id: string, run: () => void): void => { byId(id)?.addEventListener("click", run); };
    on("play", () => head.toggle());
    on("prev", () => head.step("change", -1));
    on("next", () => head.step("change", 1));
    on("back", () => head.step("frame", -1));
    on("fwd", () => head.step("frame", 1));
    on("live", () => head.goLive());
    byId("speed")?.addEventListener("click", (event) => this.speeds(event.currentTarget as HTMLElement));
  }

  link(up: boolean): void { this.up = up; this.draw(null); }

  /** After each frame and each word of the playhead. `at` is the moment shown, in ms. */
  draw(at: number | null): void {
    const live = byId("live"), past = !this.head.live;
    live?.setAttribute("aria-pressed", String(this.up && !past));
    setText(live?.querySelector("span") ?? null, this.up ? "Live" : "Away");
    if (live) live.title = this.up ? "Live (L)" : "Not connected to Playhead";
    const running = this.head.playing || !past;
    byId("play")?.querySelector("use")?.setAttribute("href", running ? "#i-pause" : "#i-play");
    setText(byId("play")?.querySelector(".sr") ?? null, running ? "Pause" : "Play");
    setText(byId("speed")?.querySelector("span") ?? null, `${this.head.speed}×`);
    byId("tape")?.classList.toggle("is-past", past);
    document.body.classList.toggle("past", past);
    if (at !== null) this.clock(at, past && !this.head.playing);
    this.say(past ? at ?? this.head.at : null);
  }

  private clock(at: number, still: boolean): void {
    setText(byId("clock"), still ? exactClock(at) : clock(at));
    setText(byId("day"), `${day(at)}, ${zoneName()}`);
    setText(byId("here"), isUtc() ? `${clock(at, false, false)} here` : `${clock(at, false, true)} UTC`);
  }

  private say(at: number | null): void {
    if (at === null) { this.banner?.remove(); this.banner = null; return; }
    if (!this.banner) { this.banner = this.make(); byId("strips")?.prepend(this.banner); }
    const today = this.head.end === null || date(at) === date(this.head.end);
    setText(this.banner.querySelector(".time"), `${this.head.playing ? clock(at) : exactClock(at)}`);
    setText(this.banner.querySelector(".date"), `${date(at)}, `);
    setText(this.banner.querySelector(".zn"), ` ${zoneName()}`);
    // A narrow screen has room for the day, or for the words, and the colour says what they say.
    this.banner.querySelector(".date")?.classList.toggle("opt", today);
    this.banner.querySelector(".words")?.classList.toggle("opt", !today);
    setText(this.banner.querySelector(".there"), isUtc() ? `${clock(at, false, false)} here` : `${clock(at, false, true)} UTC`);
    const behind = this.head.end === null ? null : (this.head.end - at) / 1000;
    setText(this.banner.querySelector(".ago"), this.head.playing ? `playing at ${this.head.speed}×` : behind !== null && behind >= 1 ? `${duration(behind)} before the end of the tape` : "");
    const hindsight = this.banner.querySelector(".hind");
    hindsight?.setAttribute("aria-pressed", String(this.page.hindsight()));
    setText(hindsight, this.page.hindsight() ? "As known now" : "As known then");
  }

  private make(): HTMLElement {
    const copied = (event: Event): void => {
      const at = event.currentTarget as HTMLElement;
      void navigator.clipboard?.writeText(location.href).then(() => { setText(at.querySelector("span"), "Copied"); window.setTimeout(() => setText(at.querySelector("span"), "Copy link"), 2000); });
    };
    return h("div", { class: "notlive", role: "status" }, icon("clock"),
      h("span", {}, h("b", { class: "words" }, "Not live."), h("span", { class: "opt" }, " This is "), " ", h("b", { class: "num when" }, h("span", { class: "date" }), h("span", { class: "time" }), h("span", { class: "zn opt" }))), h("span", { class: "num there opt" }),
      h("span", { class: "ago num opt" }), h("span", { class: "push" }),
      h("button", { type: "button", class: "ctl hind", title: "What was known at that moment, or what is known of it now", click: () => this.page.setHindsight(!this.page.hindsight()) }),
      h("button", { type: "button", class: "ctl opt", click: copied }, icon("link", "i s"), h("span", {}, "Copy link")),
      button("Go live", () => this.head.goLive(), { class: "ctl solid" }));
  }

  private speeds(anchor: HTMLElement): void {
    openMenu(anchor, "Speed", SPEEDS.map((each) => ({ label: `${each}×`, note: each === 1 ? "as it happened" : `a minute in ${duration(60 / each)}`, current: each === this.head.speed, run: () => { this.head.play(each); this.draw(null); } })));
  }
}
