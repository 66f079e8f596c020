import { h, icon } from "./dom.ts";

export interface MenuItem { label: string; icon?: string; note?: string; run?: () => void; href?: string; current?: boolean; download?: string }

let open: { box: HTMLElement; anchor: HTMLElement } | null = null;

export function closeMenu(refocus = false): void {
  if (!open) return;
  const { box, anchor } = open;
  open = null;
  box.remove();
  anchor.setAttribute("aria-expanded", "false");
  if (refocus) anchor.focus();
}

function entry(item: MenuItem): HTMLElement {
  const props = { role: "menuitem", tabindex: "-1", class: item.current ? "cur" : null, "aria-current": item.current ? "true" : null };
  const inside = [item.icon ? icon(item.icon, "i s") : null, h("b", {}, item.label), item.note ? h("span", {}, item.note) : null];
  if (item.href) return h("a", { ...props, href: item.href, download: item.download ?? null }, ...inside);
  return h("button", { ...props, type: "button", click: () => { closeMenu(true); item.run?.(); } }, ...inside);
}

function move(box: HTMLElement, step: number): void {
  const entries = [...box.querySelectorAll<HTMLElement>("[role=menuitem]")];
  const at = entries.indexOf(document.activeElement as HTMLElement);
  entries[(at + step + entries.length) % entries.length]?.focus();
}

function keys(event: KeyboardEvent, box: HTMLElement): void {
  if (event.key === "Escape") closeMenu(true);
  else if (event.key === "ArrowDown") move(box, 1);
  else if (event.key === "ArrowUp") move(box, -1);
  else if (event.key === "Tab") { closeMenu(); return; }
  else return;
  event.preventDefault();
  event.stopPropagation();
}

/** A menu under its button; the same button closes it. */
export function openMenu(anchor: HTMLElement, title: string, items: MenuItem[]): void {
  const same = open?.anchor === anchor;
  closeMenu();
  if (same) return;
  const box = h("div", { class: "pop floating", role: "menu", "aria-label": title });
  box.append(h("div", { class: "g" }, title), ...items.map(entry));
  box.addEventListener("keydown", (event) => keys(event, box));
  document.body.append(box);
  under(box, anchor);
  open = { box, anchor };
  move(box, 1);
}

/** A form of few fields under its button; closed by Escape, by the button, or from outside. */
export function openBox(anchor: HTMLElement, title: string, inside: Node[]): void {
  const same = open?.anchor === anchor;
  closeMenu();
  if (same) return;
  const box = h("div", { class: "pop floating popform", role: "dialog", "aria-label": title }, h("div", { class: "g" }, title), ...inside);
  box.addEventListener("keydown", (event) => { if (event.key === "Escape") { event.stopPropagation(); closeMenu(true); } });
  document.body.append(box);
  under(box, anchor);
  open = { box, anchor };
  box.querySelector<HTMLElement>("input, select, button")?.focus();
}

function under(box: HTMLElement, anchor: HTMLElement): void {
  const at = anchor.getBoundingClientRect(), width = Math.min(270, innerWidth - 16), below = innerHeight - at.bottom - 12;
  box.style.left = `${Math.max(8, Math.min(at.left, innerWidth - width - 8))}px`;
  box.style.top = `${below < 220 && at.top > below ? Math.max(8, at.top - box.offsetHeight - 4) : at.bottom + 4}px`;
  anchor.setAttribute("aria-expanded", "true");
}

document.addEventListener("pointerdown", (event) => {
  const at = event.target as Node;
  if (open && !open.box.contains(at) && !open.anchor.contains(at)) closeMenu();
});
