// The frame around every page: cluster, freshness, theme, zone, menu, and the strips that say what is wrong.
import type { Context } from "./context.ts";
import { byId, button, h, icon, setText } from "./dom.ts";
import { age, clock, count, duration, isUtc, many, millis, setUtc, zoneName } from "./format.ts";
import { openKeys } from "./keyslist.ts";
import { openMenu, type MenuItem } from "./menu.ts";
import { strip } from "./parts.ts";
import { toggleTheme } from "./theme.ts";
import type { Cluster, ErrorMessage, State } from "./types.ts";

const clusters = (state: State | null): [string, Cluster][] => Object.entries(state?.tables["clusters"] ?? {}) as unknown as [string, Cluster][];

export class Shell {
  private lost: HTMLElement | null = null;
  private failed: HTMLElement | null = null;
  private said = "";

  constructor(private ctx: Context, private onZone: () => void, private seek: (at: string) => void) {
    byId("theme")?.addEventListener("click", toggleTheme);
    byId("zone")?.addEventListener("click", () => this.switchZone());
    byId("menu")?.addEventListener("click", () => this.toggleRail());
    byId("cluster")?.addEventListener("click", (event) => this.pickCluster(event.currentTarget as HTMLElement));
    byId("me")?.addEventListener("click", (event) => this.account(event.currentTarget as HTMLElement));
    if (/Mac/.test(navigator.platform)) setText(document.querySelector("#find kbd"), "⌘ K");
    setText(byId("zone"), zoneName());
    document.addEventListener("pointerdown", (event) => {
      if (!(event.target as Element).closest("#rail, #menu")) this.toggleRail(false);
    });
  }

  update(state: State): void {
    this.drawCluster(state);
    this.drawFresh(state);
    this.drawHealth(state);
  }

  /** The connection to Playhead itself. */
  link(away: number | null, retryIn: number): void {
    if (away === null || away < 1.5) { this.lost?.remove(); this.lost = null; if (away === null) return; }
    if (away < 1.5) return;
    const at = millis(this.ctx.state()?.at);
    const shown = at === null ? "Nothing has been read yet." : `You see ${clock(at)}; it goes on by itself.`;
    if (!this.lost) { this.lost = strip("v-unknown", "clock", "No connection to Playhead", ""); byId("strips")?.append(this.lost); }
    setText(this.lost.querySelector("b"), `No connection to Playhead for ${duration(Math.floor(away))}.`);
    const words = this.lost.querySelector("b")?.nextSibling;
    if (words) words.textContent = ` ${shown}`;
    let next = this.lost.querySelector<HTMLElement>(".next");
    if (!next) this.lost.append((next = h("span", { class: "next mut num" })));
    setText(next, retryIn < 0.5 ? "trying" : `next try in ${Math.ceil(retryIn)} s`);
  }

  error(error: ErrorMessage): void {
    this.failed?.remove();
    const begin = error.begin;
    const there = begin ? button("Go to where it begins", () => this.seek(begin)) : null;
    this.failed = strip("v-stalled", "close", error.title, [error.detail, error.remedy].filter(Boolean).join(" "), there);
    byId("strips")?.append(this.failed);
  }

  clearError(): void { this.failed?.remove(); this.failed = null; }

  private switchZone(): void {
    setUtc(!isUtc());
    setText(byId("zone"), zoneName());
    this.onZone();
  }

  private toggleRail(on?: boolean): void {
    const open = document.body.classList.toggle("rail-open", on);
    byId("menu")?.setAttribute("aria-expanded", String(open));
  }

  private drawCluster(state: State): void {
    const all = clusters(state), chosen = this.ctx.params["cluster"];
    const one = all.length === 1 ? all[0] : all.find(([slug]) => slug === chosen);
    setText(document.querySelector("#cluster b"), one ? one[1].name || one[0] : chosen ? chosen : "All clusters");
    const brokers = all.reduce((n, [, c]) => n + (c.brokers ?? 0), 0);
    setText(document.querySelector("#cluster .meta"), one ? (one[1].brokers === null ? one[1].status : many(one[1].brokers, "broker")) : `${many(all.length, "cluster")} · ${many(brokers, "broker")}`);
  }

  private pickCluster(anchor: HTMLElement): void {
    const all = clusters(this.ctx.state()), chosen = this.ctx.params["cluster"] ?? "";
    const items: MenuItem[] = [{ label: "All clusters", current: !chosen, run: () => this.ctx.setParams({ cluster: null }, true) }];
    for (const [slug, c] of all) items.push({ label: c.name || slug, note: c.status, current: slug === chosen, run: () => this.ctx.setParams({ cluster: slug }, true) });
    openMenu(anchor, "Cluster", items);
  }

  private account(anchor: HTMLElement): void {
    openMenu(anchor, anchor.dataset["user"] ?? "Account", [
      { label: "Keys", icon: "key", note: "?", run: openKeys },
      { label: "API reference", icon: "doc", href: "/api/v1/docs" },
      { label: "Log out", icon: "user", run: () => this.logOut() },
    ]);
  }

  private logOut(): void {
    const form = h("form", { method: "post", action: "/logout" }, h("input", { type: "hidden", name: "csrfmiddlewaretoken", value: this.ctx.csrf }));
    document.body.append(form);
    form.submit();
  }

  private drawFresh(state: State): void {
    const fresh = state.meta["fresh"] as [number, number] | undefined, el = byId("fresh");
    if (!el || !fresh) return;
    const [ok, total] = fresh;
    el.hidden = total === 0;
    const bars = el.querySelector("i")!, wanted = Math.min(total, 16);
    if (bars.dataset["n"] !== `${ok}/${total}`) {
      bars.dataset["n"] = `${ok}/${total}`;
      const bad = total - ok;
      bars.replaceChildren(...Array.from({ length: wanted }, (_, i) => h("b", { class: i >= wanted - Math.min(bad, wanted) ? "bad" : null })));
      setText(el.querySelector("span"), `${count(ok)} of ${count(total)} fresh`);
      el.title = ok === total ? "Every collector is fresh" : `${many(total - ok, "collector")} of ${total} behind: see Collectors`;
    }
  }

  private drawHealth(state: State): void {
    const strips = clusters(state).flatMap(([slug, c]) => health(slug, c, this.ctx.now()));
    const key = strips.map((x) => x.join("|")).join("\n");
    if (key === this.said) return;
    this.said = key;
    const box = byId("strips");
    box?.querySelectorAll(".health").forEach((el) => el.remove());
    box?.prepend(...strips.map(([css, strong, rest]) => {
      const el = strip(css, css === "v-unknown" ? "clock" : "close", strong, rest, h("a", { class: "ctl", href: "/collectors" }, icon("collectors", "i s"), "Collectors"));
      el.classList.add("health");
      return el;
    }));
  }
}

/** An age that changes once a minute, so that a screen reader is not told it each second. */
function longAgo(ms: number): string {
  const minutes = Math.floor(ms / 60_000);
  return minutes < 1 ? "less than a minute ago" : `${age(minutes * 60)} ago`;
}

/** What is wrong with a cluster, in sentences: what, how much, how old. */
function health(slug: string, c: Cluster, now: number): [string, string, string][] {
  const name = c.name || slug, out: [string, string, string][] = [];
  const sampled = millis(c.sampled_at);
  if (c.status !== "down" && c.error) out.push(["v-behind", `Not all of ${name} is read:`, `${c.error}.`]);
  if (c.status === "down") {
    const since = sampled === null ? "Nothing was ever read from it." : `What you see of it is from ${clock(sampled)}, ${longAgo(now - sampled)}.`;
    out.push(["v-stalled", `${name} does not answer.`, `${c.error ? `${c.error}. ` : ""}${since}`.replace(". . ", ". ")]);
  }
  const missing = (c.brokers_expected ?? 0) - (c.brokers ?? 0);
  if (c.status !== "down" && c.brokers !== null && missing > 0) out.push(["v-stalled", `${many(missing, "broker")} of ${name} ${missing === 1 ? "is" : "are"} down.`, `${c.brokers} of ${c.brokers_expected} answer.`]);
  if (c.offline) out.push(["v-stalled", `${many(c.offline, "partition")} of ${name} ${c.offline === 1 ? "is" : "are"} offline.`, "Nobody can read or write them."]);
  const thin: string[] = [];
  if (c.under_replicated) thin.push(`${many(c.under_replicated, "partition")} have fewer copies in sync than they should`);
  if (c.below_min_isr) thin.push(`${count(c.below_min_isr)} below min.insync.replicas`);
  if (thin.length) out.push(["v-behind", `${name}:`, `${thin.join(", ")}.`]);
  return out;
}
