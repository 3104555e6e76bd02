/** Sentences that tell how things stand: a notice, a wait, a refusal. */
import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import type { Failure } from "../api/client";
import { has, t } from "../words";

type Kind = "plain" | "good" | "bad";

/** A sentence in a box; read aloud when it appears, at once when it is bad news. */
export function Notice({ kind = "plain", children }: { kind?: Kind; children: ComponentChildren }) {
  return (
    <div class={`notice ${kind}`} role={kind === "bad" ? "alert" : "status"}>
      {children}
    </div>
  );
}

/** Says that something is on its way, once it has taken a second. */
export function Wait({ what = t("wait.page") }: { what?: string }) {
  const late = useSignal(false);
  useEffect(() => {
    const timer = setTimeout(() => {
      late.value = true;
    }, 1000);
    return () => clearTimeout(timer);
  }, [late]);
  return (
    <p class="wait" role="status">
      {late.value ? what : ""}
    </p>
  );
}

/** A refusal in a person's words: by its code if the page knows it, else as the node put it. */
export function sentence(failure: Failure): string {
  const key = `problem.${failure.code}`;
  if (has(key)) return t(key);
  return failure.message || t("problem.unexpected");
}

export function Refusal({ failure }: { failure: Failure | null }) {
  return failure && <Notice kind="bad">{sentence(failure)}</Notice>;
}
