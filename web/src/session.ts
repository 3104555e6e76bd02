/** Who is signed in at this node, and what the node says of itself. */
import { signal } from "@preact/signals";
import { answer, api, Failure } from "./api/client";
import type { Me, NodeView } from "./api/schema";
import { go, to } from "./navigation";

/** undefined until the node has answered; null for nobody. */
export const me = signal<Me | null | undefined>(undefined);
export const node = signal<NodeView | undefined>(undefined);

/** Kept in the browser: that somebody was signed in here, and nothing of who; it keeps room for their links. */
const SIGNED_IN = "signed-in";
export const expected = localStorage.getItem(SIGNED_IN) !== null;

/** Asks who is signed in. An answer that never comes leaves it open and is raised. */
export async function recognise(): Promise<void> {
  try {
    me.value = await answer(api.GET("/session"));
    localStorage.setItem(SIGNED_IN, "1");
  } catch (error) {
    if (!(error instanceof Failure) || error.status !== 401) throw error;
    me.value = null;
    localStorage.removeItem(SIGNED_IN);
  }
}

export async function learnNode(): Promise<void> {
  node.value = await answer(api.GET("/node"));
}

export async function signIn(contact: string, password: string): Promise<Me> {
  const known = await answer(api.POST("/session", { body: { contact, password } }));
  me.value = known;
  return known;
}

export async function signOut(): Promise<void> {
  await answer(api.DELETE("/session"));
  me.value = null;
  go("/sign-in");
}

/** Ends every session, this one too. */
export async function endAll(): Promise<void> {
  await answer(api.DELETE("/sessions"));
  me.value = null;
  go(to("/sign-in", { ended: "all" }));
}

/** If a refusal means that the session is over, asks to sign in again and says so with true. */
export function expired(failure: Failure): boolean {
  if (failure.status !== 401) return false;
  me.value = null;
  go(to("/sign-in", { next: location.pathname + location.search }), true);
  return true;
}
