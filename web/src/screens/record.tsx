/** A patient's record: each visit with what she told and what was noted, and who has looked. */
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { answer, api, type Failure, failureOf } from "../api/client";
import type { Access, Accesses, RecordedVisit, RecordPage } from "../api/schema";
import { moment } from "../clocks";
import { useSending } from "../parts/form";
import { NoteCard } from "../parts/note-card";
import { Refusal, Wait } from "../parts/notice";
import { expired, me, node } from "../session";
import { country, named, t } from "../words";

export default function RecordScreen() {
  const record = useSignal<RecordPage | null>(null);
  const accesses = useSignal<Accesses | null>(null);
  const failure = useSignal<Failure | null>(null);
  useEffect(() => {
    const read = async () => {
      const [visits, looks] = await Promise.all([visitsBefore(), looksBefore()]);
      record.value = visits;
      accesses.value = looks;
    };
    read().catch((error) => {
      const refused = failureOf(error);
      if (!expired(refused)) failure.value = refused;
    });
  }, [record, accesses, failure]);
  return (
    <section>
      <h1 tabIndex={-1}>{t("record.title")}</h1>
      <p class="lead">{t("record.text", { country: country(node.value?.jurisdiction ?? "") })}</p>
      <Refusal failure={failure.value} />
      {!record.value && !failure.value && <Wait what={t("wait.record")} />}
      {record.value && <Visits newest={record.value} />}
      {accesses.value && <Looks newest={accesses.value} />}
    </section>
  );
}

/** A page of visits: those before the one with that id, the newest without one. */
const visitsBefore = (before?: string) =>
  answer(api.GET("/record", { params: { query: before ? { before } : {} } }));

function Visits({ newest }: { newest: RecordPage }) {
  const list = useSignal(newest.visits);
  const more = useSignal(newest.more);
  const goOnAt = useSignal(-1);
  const older = async () => {
    const page = await visitsBefore(list.value.at(-1)?.appointment.id);
    goOnAt.value = list.value.length;
    list.value = [...list.value, ...page.visits];
    more.value = page.more;
  };
  if (list.value.length === 0) {
    return (
      <>
        <p>{t("record.empty")}</p>
        <p>
          <a class="button main" href="/find">
            {t("find.title")}
          </a>
        </p>
      </>
    );
  }
  return (
    <>
      {list.value.map((visit, place) => (
        <VisitCard key={visit.appointment.id} visit={visit} goOn={place === goOnAt.value} />
      ))}
      {more.value && <Older show={older}>{t("record.older")}</Older>}
    </>
  );
}

/** What takes the focus once reading goes on there: the button that showed it is far below, or gone. */
function useGoOn<E extends HTMLElement>(here: boolean) {
  const place = useRef<E>(null);
  useEffect(() => {
    if (here) place.current?.focus();
  }, [here]);
  return place;
}

function VisitCard({ visit, goOn }: { visit: RecordedVisit; goOn: boolean }) {
  const { appointment, notes, intake } = visit;
  const heading = useGoOn<HTMLHeadingElement>(goOn);
  return (
    <article class="card">
      <h2 ref={heading} tabIndex={-1}>
        {t("record.visit", {
          name: appointment.doctor.name,
          time: moment(appointment.starts_at, me.value?.zone),
        })}
      </h2>
      {notes.length === 0 && <p class="hint">{t("record.no-note")}</p>}
      {notes.map((note) => (
        <NoteCard key={note.id} note={note} zone={me.value?.zone} />
      ))}
      {intake && (
        <details>
          <summary>{t("record.intake")}</summary>
          <dl>
            {(["reason", "allergies", "medicines"] as const).map((item) => (
              <div key={item}>
                <dt>{t(`item.${item}`)}</dt>
                <dd class="written">{intake[item] || t("review.nothing")}</dd>
              </div>
            ))}
          </dl>
        </details>
      )}
    </article>
  );
}

/** A page of looks: those before the one with that id, the newest without one. */
const looksBefore = (before?: string) =>
  answer(api.GET("/record/accesses", { params: { query: before ? { before } : {} } }));

/** Deeds of which it matters which items they were about. */
const ITEMISED = new Set(["gave-consent", "read-shared"]);

function Looks({ newest }: { newest: Accesses }) {
  const list = useSignal(newest.accesses);
  const more = useSignal(newest.more);
  const goOnAt = useSignal(-1);
  const older = async () => {
    const looks = await looksBefore(list.value.at(-1)?.id);
    goOnAt.value = list.value.length;
    list.value = [...list.value, ...looks.accesses];
    more.value = looks.more;
  };
  return (
    <>
      <h2>{t("looks.title")}</h2>
      {list.value.length === 0 && <p>{t("looks.empty")}</p>}
      <ul class="list">
        {list.value.map((look, place) => (
          <Look key={look.id} look={look} goOn={place === goOnAt.value} />
        ))}
      </ul>
      {more.value && <Older show={older}>{t("looks.older")}</Older>}
    </>
  );
}

function Look({ look, goOn }: { look: Access; goOn: boolean }) {
  const line = useGoOn<HTMLLIElement>(goOn);
  return (
    <li ref={line} tabIndex={-1}>
      <span>
        <strong>{looker(look)}</strong> {named("looked", look.what)}
        {ITEMISED.has(look.what) && look.items && look.items.length > 0 && (
          <> ({look.items.map((item) => named("item", item)).join(", ")})</>
        )}
      </span>
      <span class="hint">{moment(look.at, me.value?.zone)}</span>
    </li>
  );
}

function Older({ show, children }: { show: () => Promise<void>; children: string }) {
  const sending = useSending();
  return (
    <>
      <Refusal failure={sending.failure.value} />
      <button type="button" aria-disabled={sending.busy.value} onClick={() => void sending.run(show)}>
        {children}
      </button>
    </>
  );
}

function looker({ who }: Access): string {
  if (who.kind === "you") return t("looks.you");
  if (who.kind === "node") return t("looks.node");
  return [who.name, who.node && country(who.node)].filter(Boolean).join(", ");
}
