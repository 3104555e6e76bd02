/** The first screen: a patient's next appointment; for a stranger, what this is; others go to their own first screen. */
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { answer, api, type Failure, failureOf } from "../api/client";
import type { Appointment } from "../api/schema";
import { moment } from "../clocks";
import { go } from "../navigation";
import { TwoClocks } from "../parts/clocks";
import { Refusal, Wait } from "../parts/notice";
import { expired, me } from "../session";
import { country, named, t } from "../words";

const AHEAD = new Set(["requested", "held", "confirmed"]);

/** The appointments still ahead, soonest first, and those behind, latest first. */
export function sorted(
  all: readonly Appointment[],
  now: number,
): { ahead: Appointment[]; past: Appointment[] } {
  const isAhead = (one: Appointment) => AHEAD.has(one.state) && Date.parse(one.closes_at) > now;
  const byStart = (a: Appointment, b: Appointment) => Date.parse(a.starts_at) - Date.parse(b.starts_at);
  return {
    ahead: all.filter(isAhead).sort(byStart),
    past: all
      .filter((one) => !isAhead(one))
      .sort(byStart)
      .reverse(),
  };
}

export default function Home() {
  const role = me.value?.role;
  useEffect(() => {
    if (role === "doctor") go("/calendar", true);
    if (role === "administrator") go("/admin", true);
  }, [role]);
  if (role === "patient") return <Own />;
  return role ? <Wait /> : <Welcome />;
}

function Welcome() {
  return (
    <section class="narrow welcome">
      <h1 tabIndex={-1}>{t("welcome.title")}</h1>
      <p class="lead">{t("welcome.text")}</p>
      <p class="stack">
        <a class="button main" href="/sign-up">
          {t("sign-up.title")}
        </a>
        <a class="button" href="/sign-in">
          {t("sign-in.title")}
        </a>
      </p>
      <ol class="steps">
        <li>{t("welcome.find")}</li>
        <li>{t("welcome.share")}</li>
        <li>{t("welcome.meet")}</li>
      </ol>
    </section>
  );
}

function Own() {
  const all = useSignal<Appointment[] | null>(null);
  const failure = useSignal<Failure | null>(null);
  useEffect(() => {
    answer(api.GET("/appointments")).then(
      (got) => {
        all.value = got.appointments;
      },
      (error) => {
        const refused = failureOf(error);
        if (!expired(refused)) failure.value = refused;
      },
    );
  }, [all, failure]);
  const { ahead, past } = sorted(all.value ?? [], Date.now());
  const [first, ...later] = ahead;
  return (
    <section class="narrow">
      <h1 tabIndex={-1}>{t(first ? "home.next" : "home.title", { name: me.value?.name ?? "" })}</h1>
      <Refusal failure={failure.value} />
      {!all.value && !failure.value && <Wait what={t("wait.appointments")} />}
      {all.value && !first && (
        <>
          <p class="lead">{t("home.empty")}</p>
          <p>
            <a class="button main" href="/find">
              {t("find.title")}
            </a>
          </p>
        </>
      )}
      {first && <Next one={first} />}
      {first && (
        <p>
          <a class="button" href="/find">
            {t("home.another")}
          </a>
        </p>
      )}
      <Rest title={t("home.later")} list={later} />
      <Rest title={t("home.past")} list={past} />
    </section>
  );
}

function Next({ one }: { one: Appointment }) {
  const open = one.state === "confirmed" && Date.parse(one.enter_from) <= Date.now();
  return (
    <article class="card">
      <h2>{one.doctor.name}</h2>
      <p>
        {named("specialty", one.specialty)} · {country(one.doctor.jurisdiction)}
      </p>
      <TwoClocks own={one.hers} other={one.doctors} name={one.doctor.name} />
      {one.state !== "confirmed" && <p>{named("state", one.state)}</p>}
      {one.state === "confirmed" && !open && (
        <p>{t("home.opens", { time: moment(one.enter_from, one.hers.zone) })}</p>
      )}
      <p>
        <a class="button main wide" href={open ? `/visit/${one.id}` : `/appointments/${one.id}`}>
          {t(open ? "visit.go" : "home.see")}
        </a>
      </p>
    </article>
  );
}

function Rest({ title, list }: { title: string; list: readonly Appointment[] }) {
  if (list.length === 0) return null;
  return (
    <>
      <h2>{title}</h2>
      <ul class="list">
        {list.map((one) => (
          <li key={one.id}>
            <a href={`/appointments/${one.id}`}>
              {t("record.visit", { name: one.doctor.name, time: moment(one.starts_at, one.hers.zone) })}
            </a>
            <span>{named("state", one.state)}</span>
          </li>
        ))}
      </ul>
    </>
  );
}
