/** What the page must learn before it can show anything of a person, and trying until it has. */
import { signal } from "@preact/signals";
import { backoff, poll } from "./polling";
import { learnNode, recognise } from "./session";

/** True while the node has not answered although it was asked. */
export const silent = signal(false);

export function start(): () => void {
  let tries = 0;
  return poll(async () => {
    try {
      await Promise.all([recognise(), learnNode()]);
      silent.value = false;
      return null;
    } catch {
      silent.value = true;
      tries += 1;
      return backoff(tries);
    }
  });
}
