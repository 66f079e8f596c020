const dark = window.matchMedia("(prefers-color-scheme: dark)");
const still = window.matchMedia("(prefers-reduced-motion: reduce)");
const listeners = new Set<() => void>();

export function isDark(): boolean {
  const said = document.documentElement.dataset["theme"];
  return said ? said === "dark" : dark.matches;
}

export const motionReduced = (): boolean => still.matches;

/** Calls back when colours or motion change: a canvas reads its tokens again. */
export function onTheme(run: () => void): void { listeners.add(run); }

const tell = (): void => listeners.forEach((run) => run());
dark.addEventListener("change", tell);
still.addEventListener("change", tell);

export function toggleTheme(): void {
  const next = isDark() ? "light" : "dark";
  document.documentElement.dataset["theme"] = next;
  try { localStorage.setItem("playhead.theme", next); } catch { /* not kept: this page has it all the same */ }
  tell();
}

/** A token's value as the page has it now. */
export function token(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}
