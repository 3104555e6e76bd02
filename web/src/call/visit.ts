/** The visit as the node tells it, asked every two seconds while its page is open. */
import { signal } from "@preact/signals";
import { answer, api, type Failure, failureOf } from "../api/client";
import type { Visit } from "../api/schema";
import { expired } from "../session";
import { follow as followCall, leave } from "./call";

/** How often the node is asked, in milliseconds. */
const AGAIN_MS = 2000;

export const visit = signal<Visit | null>(null);
export const visitFailure = signal<Failure | null>(null);

/** One look at the visit; milliseconds until the next, or null when it is over or not this person's. */
export async function follow(id: string): Promise<number | null> {
  try {
    settle(await answer(api.GET("/visits/{id}", { params: { path: { id } } })));
  } catch (error) {
    const refused = failureOf(error);
    visitFailure.value = refused;
    if (visit.value?.you === "patient" && expired(refused)) return null;
    const closed = refused.status === 401 || refused.status === 403 || refused.status === 404;
    if (closed || refused.status === 410) {
      // A visiting doctor's cookie opens nothing once the visit is over: of it, only the refusal still tells why.
      const known = visit.value;
      if (known)
        settle({ ...known, state: "ended", end_reason: refused.problem.end_reason ?? known.end_reason });
      return null;
    }
  }
  return visit.value?.state === "ended" ? null : AGAIN_MS;
}

/** Takes in what the node says of the visit, and lets the call follow. */
export function settle(next: Visit): void {
  visit.value = next;
  visitFailure.value = null;
  if (next.state === "ended") void leave();
  else followCall(next.admitted || next.state === "in-call");
}

/** The doctor lets the patient in. */
export async function admit(id: string): Promise<void> {
  settle(await answer(api.POST("/visits/{id}/admit", { params: { path: { id } } })));
}

/** The doctor ends the visit for both. */
export async function end(id: string): Promise<void> {
  settle(await answer(api.POST("/visits/{id}/end", { params: { path: { id } } })));
}
