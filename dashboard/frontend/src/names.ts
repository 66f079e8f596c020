// Names and numbers inside sentences. Pure.
/** Where a name stands as a word of its own, after its kind where the kind is said. */
export function place(text: string, name: string, kind: string): number {
  const free = (at: number): boolean => !/[\w.-]/.test(text[at - 1] ?? " ") && !/^\.?[\w-]/.test(text.slice(at + name.length));
  const after = text.toLowerCase().indexOf(`${kind} ${name}`.toLowerCase());
  if (after >= 0 && text.startsWith(name, after + kind.length + 1) && free(after + kind.length + 1)) return after + kind.length + 1;
  for (let at = text.indexOf(name); at >= 0; at = text.indexOf(name, at + 1)) if (free(at)) return at;
  return -1;
}

/** 0 to 3, 7: partitions in a few words. */
export function runs(parts: number[]): string {
  const sorted = [...parts].sort((a, b) => a - b), out: string[] = [];
  for (let i = 0; i < sorted.length;) {
    let last = i;
    while (sorted[last + 1] === sorted[last]! + 1) last += 1;
    out.push(last > i + 1 ? `${sorted[i]} to ${sorted[last]}` : sorted.slice(i, last + 1).join(", "));
    i = last + 1;
  }
  return out.join(", ");
}
