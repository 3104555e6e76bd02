/** A doctor's appointments at home, and Join: going to the patient's own node for one visit. */
import { useSignal } from "@preact/signals";
import { answer, api, type Failure, failureOf } from "../api/client";
import type { CalendarEntry } from "../api/schema";
import { day, timeOfDay } from "../clocks";
import { useSending } from "../parts/form";
import { Refusal, Wait } from "../parts/notice";
import { usePoll } from "../polling";
import { expired, me } from "../session";
import { country, language, named, specialty, t } from "../words";

/** How often the calendar is read again, in milliseconds. */
const AGAIN_MS = 10_000;

export default function Calendar() {
  const all = useSignal<CalendarEntry[] | null>(null);
  const failure = useSignal<Failure | null>(null);
  usePoll(async () => {
    try {
      all.value = (await answer(api.GET("/calendar"))).appointments;
      failure.value = null;
    } catch (error) {
      const refused = failureOf(error);
      if (expired(refused)) return null;
      failure.value = refused;
    }
    return AGAIN_MS;
  }, []);
  const now = Date.now();
  const byStart = (a: CalendarEntry, b: CalendarEntry) => Date.parse(a.starts_at) - Date.parse(b.starts_at);
  const isAhead = (one: CalendarEntry) => one.state !== "ended" && Date.parse(one.join_until) > now;
  const ahead = (all.value ?? []).filter(isAhead).sort(byStart);
  const past = (all.value ?? [])
    .filter((one) => !isAhead(one))
    .sort(byStart)
    .reverse();
  return (
    <section>
      <h1 tabIndex={-1}>{t("calendar.title", { name: me.value?.name ?? "" })}</h1>
      <Refusal failure={failure.value} />
      {!all.value && !failure.value && <Wait what={t("wait.appointments")} />}
      {all.value && ahead.length === 0 && <p class="lead">{t("calendar.empty")}</p>}
      {ahead.map((one) => (
        <Entry key={one.id} one={one} now={now} />
      ))}
      {past.length > 0 && (
        <>
          <h2>{t("home.past")}</h2>
          <ul class="list">
            {past.map((one) => (
              <li key={one.id}>
                <span>
                  {day(one.doctors.date)}, {one.doctors.time} ·{" "}
                  {country(one.patient_jurisdiction ?? one.patient_node)}
                </span>
                <span class="hint">{named("state", one.state)}</span>
              </li>
            ))}
          </ul>
        </>
      )}
    </section>
  );
}

function Entry({ one, now }: { one: CalendarEntry; now: number }) {
  const sending = useSending();
  const open = one.state === "confirmed" && Date.parse(one.join_from) <= now;
  const where = country(one.patient_jurisdiction ?? one.patient_node);
  return (
    <article class="card entry">
      <div class="clocks">
        <p class="day">{day(one.doctors.date)}</p>
        <p>
          <strong class="time">{one.doctors.time}</strong> {t("calendar.patient", { country: where })}
        </p>
        <p>
          {specialty(one.specialty)} · {language(one.language)}
        </p>
      </div>
      <Refusal failure={sending.failure.value} />
      {open && (
        <button
          type="button"
          class="main"
          aria-disabled={sending.busy.value}
          onClick={() => void sending.run(() => join(one.id))}
        >
          {t("calendar.join")}
        </button>
      )}
      {open && sending.busy.value && <Wait what={t("calendar.joining", { country: where })} />}
      {!open && (
        <p class="hint">
          {one.state === "held"
            ? t("calendar.held")
            : t("calendar.opens", { time: timeOfDay(one.join_from, one.doctors.zone) })}
        </p>
      )}
    </article>
  );
}

/** Takes the one-time code to the patient's node as a form, so that it stands in no address and no history. */
async function join(id: string): Promise<void> {
  const { arrive_url, code } = await answer(api.POST("/calendar/{id}/join", { params: { path: { id } } }));
  const form = document.createElement("form");
  form.method = "post";
  form.action = arrive_url;
  const field = document.createElement("input");
  field.type = "hidden";
  field.name = "code";
  field.value = code;
  form.append(field);
  document.body.append(form);
  form.submit();
}
