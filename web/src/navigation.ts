/** Which screen the address means, and going from one to another without loading the page anew. */
import { signal } from "@preact/signals";

export type Screen =
  | "home"
  | "sign-up"
  | "sign-in"
  | "find"
  | "book"
  | "appointment"
  | "visit"
  | "calendar"
  | "record"
  | "sessions"
  | "admin"
  | "help"
  | "lost";

/** The map: a path's first part to its screen, and whether an id follows. */
const MAP: Record<string, { screen: Screen; id?: true }> = {
  "": { screen: "home" },
  "sign-up": { screen: "sign-up" },
  "sign-in": { screen: "sign-in" },
  find: { screen: "find" },
  book: { screen: "book" },
  appointments: { screen: "appointment", id: true },
  visit: { screen: "visit", id: true },
  calendar: { screen: "calendar" },
  record: { screen: "record" },
  sessions: { screen: "sessions" },
  admin: { screen: "admin" },
  help: { screen: "help" },
};

export interface Place {
  screen: Screen;
  id: string;
  query: URLSearchParams;
  path: string;
}

/** What an address means; `lost` for one that the map does not have. */
export function read(pathname: string, search: string): Place {
  const [first = "", id = "", ...rest] = pathname.replace(/^\/|\/$/g, "").split("/");
  const found = MAP[first];
  const known = found !== undefined && rest.length === 0 && Boolean(id) === Boolean(found.id);
  return {
    screen: known ? found.screen : "lost",
    id,
    query: new URLSearchParams(search),
    path: pathname + search,
  };
}

export const place = signal(read(location.pathname, location.search));

/** The one builder of addresses inside the page. */
export function to(path: string, query: Record<string, string> = {}): string {
  const search = new URLSearchParams(query).toString();
  return search ? `${path}?${search}` : path;
}

/** Goes to an address; `replace` leaves no way back to this one. */
export function go(path: string, replace = false): void {
  history[replace ? "replaceState" : "pushState"](null, "", path);
  arrive();
  scrollTo(0, 0);
}

function arrive(): void {
  place.value = read(location.pathname, location.search);
}

function follow(event: MouseEvent): void {
  const link = (event.target as Element | null)?.closest?.("a");
  const plain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
  if (!link || !plain || event.defaultPrevented || link.target || link.origin !== location.origin) return;
  if (link.hash && link.pathname === location.pathname) return;
  event.preventDefault();
  go(link.pathname + link.search);
}

/** Starts following links and the browser's own back and forward. */
export function navigate(): void {
  addEventListener("popstate", arrive);
  document.addEventListener("click", follow);
}
