// Runs before the first paint, so that a page does not flash in the other theme.
try {
  const kept = localStorage.getItem("playhead.theme");
  if (kept === "light" || kept === "dark") document.documentElement.dataset["theme"] = kept;
} catch { /* storage is forbidden: the system's theme stands */ }
document.documentElement.classList.add("js");
