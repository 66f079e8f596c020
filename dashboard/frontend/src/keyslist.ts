// The list of the keys that pages listen to: `?` opens it.
import { button, h, icon } from "./dom.ts";
import { WRITING } from "./head.ts";

/** Where, and by what is done there the keys that do it; alternatives stand apart. */
export const KEYS: readonly [string, readonly [string, readonly string[]][]][] = [
  ["On every page", [["This list", ["?"]], ["Find anything", ["Ctrl K", "⌘ K"]], ["Close what is open", ["Esc"]]]],
  ["The tape", [["Play, pause", ["Space"]], ["One frame back, on", ["←", "→"]], ["One change back, on", ["Shift ←", "Shift →"]], ["Live", ["L"]]]],
  ["The tape's playhead, focused", [["To the beginning", ["Home"]], ["To the end, live", ["End"]], ["Shorter, longer stretch", ["+", "−"]]]],
  ["The map, focused", [["From node to node", ["←", "→", "↑", "↓"]], ["Open what is chosen", ["Enter"]], ["Choose nothing", ["Esc"]], ["Closer, farther", ["+", "−"]], ["All of it", ["0"]]]],
  ["The tree", [["Up, down", ["↑", "↓"]], ["Open, close", ["→", "←"]], ["First, last", ["Home", "End"]], ["Choose", ["Enter", "Space"]]]],
  ["A group's partitions through time, focused", [["From cell to cell", ["←", "→", "↑", "↓"]], ["To its moment", ["Enter"]]]],
  ["The search", [["Choose", ["↑", "↓"]], ["Open", ["Enter"]], ["Open on the map", ["Shift Enter"]]]],
];

const caps = (keys: readonly string[]): HTMLElement => h("dd", {}, ...keys.flatMap((key) => [" ", h("kbd", {}, key)]));

/** The dialog; focus goes in, stays in, and goes back to where it was. */
export function openKeys(): void {
  if (document.querySelector("dialog.keys")) return;
  const back = document.activeElement as HTMLElement | null;
  const shut = button("Close", () => dialog.close(), { class: "ctl icon", "aria-label": "Close" }, icon("close", "i s"));
  const parts = KEYS.map(([where, rows]) => h("section", {}, h("h3", {}, where), h("dl", {}, ...rows.flatMap(([what, keys]) => [h("dt", {}, what), caps(keys)]))));
  const list = h("div", { class: "keylist", tabindex: "0", role: "group", "aria-label": "Keys" }, ...parts);
  const dialog = h("dialog", { class: "formbox keys", "aria-label": "Keys" }, h("div", { class: "keyhead" }, h("h2", {}, "Keys"), shut), list);
  dialog.addEventListener("keydown", (event) => {
    if (event.key !== "Tab") return;
    event.preventDefault();
    (document.activeElement === shut ? list : shut).focus();
  });
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  dialog.addEventListener("close", () => { dialog.remove(); back?.focus(); });
  document.body.append(dialog);
  dialog.showModal();
  shut.focus();
}

export function startKeysList(): void {
  document.addEventListener("keydown", (event) => {
    if (event.key !== "?" || event.defaultPrevented || event.ctrlKey || event.metaKey || (event.target as Element).closest?.(WRITING)) return;
    event.preventDefault();
    openKeys();
  });
}
