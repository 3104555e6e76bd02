/** A form that is sent once at a time and keeps what was typed when it is refused. */
import { type Signal, useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { type Failure, failureOf } from "../api/client";
import { Refusal } from "./notice";

interface Sending {
  busy: Signal<boolean>;
  failure: Signal<Failure | null>;
  run: (deed: () => Promise<unknown>) => Promise<void>;
}

/** Runs one deed at a time and keeps its refusal. */
export function useSending(): Sending {
  const busy = useSignal(false);
  const failure = useSignal<Failure | null>(null);
  const run = async (deed: () => Promise<unknown>) => {
    if (busy.value) return;
    busy.value = true;
    failure.value = null;
    try {
      await deed();
    } catch (error) {
      failure.value = failureOf(error);
    } finally {
      busy.value = false;
    }
  };
  return { busy, failure, run };
}

export function Form({
  send,
  sending,
  button,
  children,
  after,
}: {
  send: () => Promise<unknown>;
  sending: Sending;
  button: string;
  children: ComponentChildren;
  after?: ComponentChildren;
}) {
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        void sending.run(send);
      }}
    >
      {children}
      <Refusal failure={sending.failure.value} />
      <p class="row">
        <button type="submit" class="main" aria-disabled={sending.busy.value}>
          {button}
        </button>
        {after}
      </p>
    </form>
  );
}
