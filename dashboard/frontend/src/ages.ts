import { h, setText } from "./dom.ts";
import { age, millis } from "./format.ts";

/** Older than three intervals of ten seconds: greyed. A row whose server says stale is greyed whatever its age. */
const OLD = 30;

/** An age that keeps counting while its element stands on the page. */
export function ageTag(time: string | null | undefined, now: number): HTMLElement {
  const el = h("span", { class: "age num", "data-at": time ?? "" });
  show(el, now);
  return el;
}

function show(el: HTMLElement, now: number): void {
  const ms = millis(el.dataset["at"]);
  const seconds = ms === null ? null : Math.max(0, (now - ms) / 1000);
  setText(el, age(seconds));
  el.classList.toggle("stale", seconds === null || seconds > OLD);
}

export function refreshAges(root: ParentNode, now: number): void {
  root.querySelectorAll<HTMLElement>("[data-at]").forEach((el) => show(el, now));
}
