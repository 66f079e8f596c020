import type { FrameMessage, PatchMessage, State, Table, TablePatch } from "./types.ts";

export function fromFrame(frame: FrameMessage): State {
  return { at: frame.at, tick: frame.tick, tables: frame.tables, meta: frame.meta };
}

function patchTable(table: Table, patch: TablePatch): Table {
  const next: Table = { ...table, ...patch.set };
  for (const key of patch.del ?? []) delete next[key];
  return next;
}

/** The state after a patch. The old state stays as it was, so that whoever holds it can compare. */
export function applyPatch(state: State, patch: PatchMessage): State {
  const tables = { ...state.tables };
  for (const [name, change] of Object.entries(patch.tables ?? {})) tables[name] = patchTable(tables[name] ?? {}, change);
  return { at: patch.at, tick: patch.tick, tables, meta: { ...state.meta, ...patch.meta } };
}
