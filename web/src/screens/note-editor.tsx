/** Writing the note: saved as typed, signed once, or thrown away. */
import { useEffect, useMemo, useRef } from "preact/hooks";
import { draftOf, LONGEST_NOTE } from "../call/draft";
import { timeOfDay } from "../clocks";
import { TextArea } from "../parts/field";
import { useSending } from "../parts/form";
import { Notice, Refusal } from "../parts/notice";
import { t } from "../words";

export function NoteEditor({ id, signed }: { id: string; signed: () => void }) {
  const draft = useMemo(() => draftOf(id), [id]);
  const sending = useSending();
  const dialog = useRef<HTMLDialogElement>(null);
  const run = sending.run;
  useEffect(() => {
    void run(draft.read);
    return draft.stop;
  }, [draft]);
  const state = draft.state.value;
  const empty = draft.text.value.trim() === "";
  const sign = async () => {
    dialog.current?.close();
    await draft.sign();
    signed();
  };
  return (
    <>
      <TextArea
        label={t("note.label")}
        rows={10}
        autocomplete="off"
        maxLength={LONGEST_NOTE}
        disabled={state === "loading"}
        value={draft.text.value}
        onValue={draft.type}
      />
      <p class="hint" role="status">
        {state === "saved" &&
          draft.savedAt.value &&
          t("note.saved", { time: timeOfDay(draft.savedAt.value) })}
        {(state === "typing" || state === "saving") && t("note.saving")}
        {state === "failed" && t("note.failed")}
      </p>
      {state === "elsewhere" && (
        <Notice kind="bad">
          <p>{t("note.elsewhere")}</p>
          <p class="row">
            <button type="button" onClick={() => void run(draft.keepThis)}>
              {t("note.keep")}
            </button>
            <button type="button" onClick={() => void run(draft.takeOther)}>
              {t("note.take")}
            </button>
          </p>
        </Notice>
      )}
      <Refusal failure={sending.failure.value} />
      <p class="row">
        <button type="button" class="main" disabled={empty} onClick={() => dialog.current?.showModal()}>
          {t("note.sign")}
        </button>
        <button type="button" disabled={empty} onClick={() => void run(draft.discard)}>
          {t("note.discard")}
        </button>
      </p>
      <dialog ref={dialog} aria-labelledby="sign-question">
        <h2 id="sign-question">{t("note.sure")}</h2>
        <p>{t("note.final")}</p>
        <p class="row">
          <button type="button" class="main" onClick={() => void run(sign)}>
            {t("note.sign.now")}
          </button>
          <button type="button" onClick={() => dialog.current?.close()}>
            {t("note.sign.not")}
          </button>
        </p>
      </dialog>
    </>
  );
}
