/** Asking again: a step that says when it wants to run next, and backing off when nothing comes. */
import { useEffect } from "preact/hooks";

/** Runs `step` now and again after as many milliseconds as it answers, until it answers null or is stopped. */
export function poll(step: () => Promise<number | null>): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let stopped = false;
  const turn = async () => {
    const wait = await step();
    if (!stopped && wait !== null) timer = setTimeout(turn, wait);
  };
  void turn();
  return () => {
    stopped = true;
    clearTimeout(timer);
  };
}

/** The n-th wait of a series that doubles from `first` up to `most` milliseconds. */
export function backoff(n: number, first = 500, most = 8000): number {
  return Math.min(most, first * 2 ** n);
}

/** Polls while a component is on the page. */
export function usePoll(step: () => Promise<number | null>, inputs: readonly unknown[]): void {
  useEffect(() => poll(step), inputs);
}
