// Elements. Everything that came from outside becomes a text node or an attribute here: no markup is ever parsed.
type Child = Node | string | number | null | undefined | false;
type Handler = (event: Event) => void;
export type Props = Record<string, string | number | boolean | Handler | null | undefined>;

const SVG = "http://www.w3.org/2000/svg";

function assign(el: Element, props: Props): void {
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") el.addEventListener(name, value);
    else el.setAttribute(name, value === true ? "" : String(value));
  }
}

function fill(el: Element, children: Child[]): void {
  for (const child of children) {
    if (child === null || child === undefined || child === false) continue;
    el.append(child instanceof Node ? child : String(child));
  }
}

/** An HTML element; a function among the props listens to the event of that name. */
export function h<K extends keyof HTMLElementTagNameMap>(tag: K, props: Props = {}, ...children: Child[]): HTMLElementTagNameMap[K] {
  const el = document.createElement(tag);
  assign(el, props);
  fill(el, children);
  return el;
}

export function s(tag: string, props: Props = {}, ...children: Child[]): SVGElement {
  const el = document.createElementNS(SVG, tag);
  assign(el, props);
  fill(el, children);
  return el;
}

/** An icon of the sprite that the page carries. */
export function icon(name: string, cls = "i"): SVGElement {
  return s("svg", { class: cls, "aria-hidden": "true" }, s("use", { href: `#i-${name}` }));
}

export function byId(id: string): HTMLElement | null {
  return document.getElementById(id);
}

export function setText(el: Element | null, text: string): void {
  if (el && el.textContent !== text) el.textContent = text;
}

export function button(label: string, onClick: () => void, props: Props = {}, ...children: Child[]): HTMLButtonElement {
  return h("button", { type: "button", class: "ctl", click: onClick, ...props }, ...(children.length ? children : [label]));
}

export function debounce<A extends unknown[]>(ms: number, run: (...args: A) => void): (...args: A) => void {
  let timer = 0;
  return (...args: A) => {
    window.clearTimeout(timer);
    timer = window.setTimeout(() => run(...args), ms);
  };
}
