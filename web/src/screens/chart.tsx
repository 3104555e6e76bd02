/** What stands beside the call for a doctor: what the patient shared, the note, and ending the visit. */
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { answer, api, type Failure, failureOf } from "../api/client";
import type { Item, Note, Shared, Visit } from "../api/schema";
import { end } from "../call/visit";
import { moment } from "../clocks";
import { useSending } from "../parts/form";
import { NoteCard } from "../parts/note-card";
import { Refusal, Wait } from "../parts/notice";
import { RuleLine } from "../parts/rule";
import { country, specialty, t } from "../words";
import { NoteEditor } from "./note-editor";

export function Chart({ visit, name }: { visit: Visit; name: string }) {
  const notes = useSignal<Note[]>([]);
  const sending = useSending();
  const path = { id: visit.id };
  const readNotes = async () => {
    notes.value = (await answer(api.GET("/visits/{id}/notes", { params: { path } }))).notes;
  };
  useEffect(() => {
    void sending.run(readNotes);
  }, [visit.id]);
  return (
    <section aria-label={t("chart.chart")}>
      <h2>{name}</h2>
      <p class="hint">
        {specialty(visit.specialty)} · {t(visit.patient_waiting ? "chart.in-room" : "chart.not-in-room")}
      </p>
      <SharedItems id={visit.id} />
      {notes.value.map((note) => (
        <NoteCard key={note.id} note={note} />
      ))}
      <NoteEditor id={visit.id} signed={() => void sending.run(readNotes)} />
      <Refusal failure={sending.failure.value} />
      <p>
        <button type="button" class="danger" onClick={() => void sending.run(() => end(visit.id))}>
          {t("chart.end")}
        </button>
      </p>
      <RuleLine rule={visit.rule} />
    </section>
  );
}

const ITEMS: readonly Item[] = ["name", "reason", "allergies", "medicines"];

function SharedItems({ id }: { id: string }) {
  const shared = useSignal<Shared | null>(null);
  const failure = useSignal<Failure | null>(null);
  useEffect(() => {
    answer(api.GET("/visits/{id}/shared", { params: { path: { id } } })).then(
      (got) => {
        shared.value = got;
      },
      (error) => {
        failure.value = failureOf(error);
      },
    );
  }, [id, shared, failure]);
  const got = shared.value;
  if (!got) return failure.value ? <Refusal failure={failure.value} /> : <Wait />;
  return (
    <>
      <h3>{t("chart.shared")}</h3>
      <dl>
        {ITEMS.filter((item) => got.items[item] !== undefined).map((item) => (
          <div key={item}>
            <dt>{t(`item.${item}`)}</dt>
            <dd class="written">{got.items[item] || t("review.nothing")}</dd>
          </div>
        ))}
      </dl>
      {Object.keys(got.items).length === 0 && <p>{t("chart.nothing")}</p>}
      <p class="hint">{t("review.until", { country: country(got.country), time: moment(got.until) })}</p>
    </>
  );
}
