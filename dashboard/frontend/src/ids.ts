// Identities and the pages that show them.
const encode = (segment: string): string => segment.replace(/[%/]/g, (c) => encodeURIComponent(c));

export const topicId = (cluster: string, topic: string): string => `topic:${encode(cluster)}/${encode(topic)}`;
export const groupId = (cluster: string, group: string): string => `group:${encode(cluster)}/${encode(group)}`;
export const serviceId = (service: string): string => (service.startsWith("service:") ? service : `service:${encode(service)}`);
export const teamId = (team: string): string => (team.startsWith("team:") ? team : `team:${encode(team)}`);

export function kindOf(id: string): string {
  const colon = id.indexOf(":");
  return colon < 0 ? "" : id.slice(0, colon);
}

/** The readable end of an id; a part that cannot be decoded is shown as it is. */
export function nameOf(id: string): string {
  const rest = id.slice(id.indexOf(":") + 1);
  const segments = kindOf(id) === "system" ? [rest] : rest.split("/");
  const last = segments[segments.length - 1] ?? rest;
  try { return decodeURIComponent(last); } catch { return last; }
}

const PAGES: Record<string, string> = { topic: "topics", group: "groups", service: "services", team: "teams", connector: "connectors", query: "queries", system: "systems" };

export function pageOf(id: string): string | null {
  const page = PAGES[kindOf(id)];
  return page ? `/${page}/${encodeURIComponent(id)}` : null;
}

/** The team's chip: eight colours, told apart by the name beside them. */
export function teamColour(team: string): number {
  let sum = 0;
  for (const c of team) sum = (sum * 31 + c.codePointAt(0)!) % 9973;
  return (sum % 8) + 1;
}
