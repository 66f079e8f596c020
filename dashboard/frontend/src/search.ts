import { getJson } from "./context.ts";
import { byId, debounce, h, icon } from "./dom.ts";
import { pageOf } from "./ids.ts";
import { teamTag } from "./parts.ts";
import { verdictTag } from "./verdict.ts";

interface Hit { id: string; kind: string; name: string; cluster: string | null; team: string | null; verdict: string | null; url: string | null }

const ICONS: Record<string, string> = { topic: "topics", group: "lag", service: "services", team: "teams", connector: "n-connector", query: "n-query", system: "n-system", writer: "n-unknown" };
const LISTED = 20;

/** The name with what was typed underlined in it. */
function marked(name: string, typed: string): HTMLElement {
  const at = typed ? name.toLowerCase().indexOf(typed.toLowerCase()) : -1;
  if (at < 0) return h("span", { class: "n" }, name);
  return h("span", { class: "n" }, name.slice(0, at), h("mark", {}, name.slice(at, at + typed.length)), name.slice(at + typed.length));
}

/** Ctrl-K: anything by a part of its name. */
class Palette {
  private box = h("dialog", { class: "palette", "aria-label": "Search" });
  private input = h("input", { class: "q", type: "search", placeholder: "Find a topic, group, service, team or connector", "aria-label": "Search", role: "combobox", "aria-expanded": "true", "aria-controls": "hits", "aria-autocomplete": "list", autocomplete: "off", spellcheck: "false" });
  private list = h("ul", { id: "hits", role: "listbox", "aria-label": "Found" });
  private said = h("span", { role: "status" });
  private hits: Hit[] = [];
  private at = 0;
  private asked: AbortController | null = null;

  constructor() {
    const foot = h("div", { class: "pfoot" }, h("span", {}, h("kbd", {}, "↑"), " ", h("kbd", {}, "↓"), " choose"), h("span", {}, h("kbd", {}, "Enter"), " open"), h("span", {}, h("kbd", {}, "Shift Enter"), " on the map"), h("span", { class: "push" }), this.said);
    this.box.append(h("div", { class: "pin2" }, icon("search"), this.input, h("kbd", {}, "Esc")), this.list, foot);
    const ask = debounce(90, () => void this.ask());
    this.input.addEventListener("input", ask);
    this.box.addEventListener("keydown", (event) => this.keys(event));
    this.box.addEventListener("click", (event) => { if (event.target === this.box) this.box.close(); });
    document.body.append(this.box);
  }

  open(): void {
    if (this.box.open) return;
    this.box.showModal();
    this.input.select();
    void this.ask();
  }

  private async ask(): Promise<void> {
    this.asked?.abort();
    this.asked = new AbortController();
    const typed = this.input.value.trim(), started = performance.now();
    try {
      const answer = await getJson<{ items: Hit[] }>(`/api/v1/search?q=${encodeURIComponent(typed)}&limit=${LISTED}`, this.asked.signal);
      this.hits = answer.items;
      this.said.textContent = `${answer.items.length}${answer.items.length === LISTED ? " or more" : ""} found in ${Math.round(performance.now() - started)} ms`;
    } catch (error) {
      if ((error as Error).name === "AbortError") return;
      this.hits = [];
      this.said.textContent = `Search does not answer: ${(error as Error).message}`;
    }
    this.at = 0;
    this.draw(typed);
  }

  private draw(typed: string): void {
    this.list.replaceChildren(...this.hits.map((hit, i) => this.option(hit, i, typed)));
    if (!this.hits.length) this.list.append(h("li", { class: "g" }, typed ? "Nothing has this in its name." : "Type a part of a name."));
    this.choose(0);
  }

  private option(hit: Hit, index: number, typed: string): HTMLElement {
    return h("li", { role: "option", id: `hit-${index}`, "data-id": hit.id, click: () => this.go(hit, false), pointermove: () => this.choose(index) },
      icon(ICONS[hit.kind] ?? "doc"), marked(hit.name, typed),
      h("span", { class: "c" }, hit.team ? teamTag(hit.team) : null, ` ${hit.kind}${hit.cluster ? ` in ${hit.cluster}` : ""}`),
      hit.verdict && hit.verdict !== "ok" ? verdictTag(hit.verdict) : null);
  }

  private choose(index: number): void {
    this.at = index;
    [...this.list.children].forEach((el, i) => el.setAttribute("aria-selected", String(i === index && this.hits.length > 0)));
    this.input.setAttribute("aria-activedescendant", `hit-${index}`);
    this.list.children[index]?.scrollIntoView({ block: "nearest" });
  }

  private keys(event: KeyboardEvent): void {
    const n = this.hits.length;
    if (event.key === "ArrowDown" && n) this.choose((this.at + 1) % n);
    else if (event.key === "ArrowUp" && n) this.choose((this.at + n - 1) % n);
    else if (event.key === "Enter" && n) this.go(this.hits[this.at]!, event.shiftKey);
    else return;
    event.preventDefault();
  }

  private go(hit: Hit, onMap: boolean): void {
    const map = `/map?focus=${encodeURIComponent(hit.id)}`;
    location.assign(onMap ? map : hit.url ?? pageOf(hit.id) ?? map);
  }
}

export function startSearch(): void {
  let palette: Palette | null = null;
  const open = (): void => { palette ??= new Palette(); palette.open(); };
  byId("find")?.addEventListener("click", open);
  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") { event.preventDefault(); open(); }
  });
}
