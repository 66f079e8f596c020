// One record in the list, and what is behind it when it is opened.
import { h, icon, setText } from "./dom.ts";
import { bytes, count, isUtc } from "./format.ts";
import { indented, type Held, type Payload, type RecordRow } from "./reel.ts";

const SHORT = 300;

/** Hours to milliseconds, in the zone of the page. */
export function exact(ms: number): string {
  const date = new Date(ms - (isUtc() ? 0 : new Date(ms).getTimezoneOffset() * 60_000));
  return date.toISOString().slice(11, 23);
}

function after(ms: number | null): string {
  if (ms === null) return "";
  const sign = ms < 0 ? "−" : "+", n = Math.abs(ms);
  if (n < 1000) return `${sign}${n} ms`;
  return n < 120_000 ? `${sign}${(n / 1000).toFixed(1)} s` : `${sign}${Math.round(n / 60_000)} min`;
}

const KINDS: Record<string, string> = { json: "JSON", text: "text", bytes: "bytes", avro: "Avro", protobuf: "Protobuf", schema: "by schema" };

function kindOf(p: Payload): string {
  const name = KINDS[p.kind] ?? p.kind;
  return p.schema_id === null ? name : `${name}, schema ${p.schema_id}${p.schema_name ? ` ${p.schema_name}` : ""}`;
}

/** A payload in a line: its text, or in a word why there is none. */
function brief(p: Payload, payloads: string): HTMLElement {
  if (p.kind === "null") return h("span", { class: "na" }, "null");
  if (p.text !== null) return h("span", { class: "js" }, p.text.slice(0, SHORT));
  return h("span", { class: "masked" }, icon("lock", "i s"), `${payloads === "hidden" ? "hidden" : "masked"}, ${kindOf(p)}`);
}

function whole(p: Payload, payloads: string): HTMLElement {
  const notes = [kindOf(p), bytes(p.size)];
  if (p.truncated) notes.push("the beginning is shown");
  if (p.text !== null && p.masked) notes.push(`${count(p.masked)} masked`);
  const text = p.text === null ? null : p.kind === "text" || p.kind === "bytes" ? p.text : indented(p.text);
  return h("div", { class: "wholeval" }, h("p", { class: "dim" }, notes.join(" · ")), p.error ? h("p", { class: "v-behind flag" }, p.error) : null,
    text === null ? brief(p, payloads) : h("pre", { class: "json" }, h("code", {}, text)));
}

function headers(row: RecordRow, payloads: string): HTMLElement {
  const list = row.headers.flatMap((x) => [h("dt", {}, x.name), h("dd", {}, x.text === null ? brief(x, payloads) : h("code", {}, x.text))]);
  const stamp = row.at === null ? "no time kept" : `${row.at}, ${row.clock === "append" ? "by the broker" : "by the producer"}`;
  return h("div", { class: "hd" }, h("h3", {}, "Key"), whole(row.key, payloads), h("h3", {}, "Written"), h("p", { class: "num" }, stamp),
    h("h3", {}, "Headers ", h("small", {}, String(row.headers.length))), list.length ? h("dl", {}, ...list) : h("p", { class: "dim" }, "none"));
}

/** The record's line; a click opens it below. */
export function recordLine(held: Held, before: Held | null, payloads: string): HTMLElement {
  const { row, time } = held;
  const gap = time !== null && before?.time !== null && before ? time - before.time : null;
  const line = h("button", { type: "button", "aria-expanded": "false" },
    h("span", { class: "c-time num" }, time === null ? "unknown" : exact(time)), h("span", { class: "c-dt num" }, after(gap)),
    h("span", { class: "c-p num" }, `p${row.partition}`), h("span", { class: "c-o num" }, count(row.offset)),
    h("span", { class: "c-k" }, brief(row.key, payloads)), h("span", { class: "c-val" }, brief(row.value, payloads)), h("span", { class: "c-b num" }, bytes(row.size)));
  const item = h("li", { class: "rec" }, line);
  line.addEventListener("click", () => {
    const open = item.classList.toggle("open");
    line.setAttribute("aria-expanded", String(open));
    if (open) item.append(h("div", { class: "body" }, headers(row, payloads), whole(row.value, payloads)));
    else item.querySelector(".body")?.remove();
  });
  return item;
}

/** The line that the playhead draws through the list. */
export function headLine(): { el: HTMLElement; show: (moment: number, words: string) => void } {
  const time = h("span", { class: "num" }), rest = h("small"), el = h("li", { class: "head", "aria-hidden": "true" }, time, h("i"), rest);
  return { el, show: (moment, words) => { setText(time, exact(moment)); setText(rest, words); } };
}
