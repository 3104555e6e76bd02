/** One appointment and how it stands, followed until it is settled; withdrawing consent is here too. */
import { useSignal } from "@preact/signals";
import { answer, api, type Failure, failureOf } from "../api/client";
import type { Appointment } from "../api/schema";
import { moment } from "../clocks";
import type { Place } from "../navigation";
import { TwoClocks } from "../parts/clocks";
import { useSending } from "../parts/form";
import { Notice, Refusal, Wait } from "../parts/notice";
import { RuleLine } from "../parts/rule";
import { backoff, usePoll } from "../polling";
import { expired } from "../session";
import { country, specialty, t } from "../words";
import { Standing } from "./appointment-standing";

/** How long a confirmed appointment waits before it is looked at again, in milliseconds: the door may have opened. */
const SETTLED_MS = 15_000;

export default function AppointmentScreen({ place }: { place: Place }) {
  const one = useSignal<Appointment | null>(null);
  const failure = useSignal<Failure | null>(null);
  const tries = useSignal(0);
  usePoll(async () => {
    try {
      one.value = await answer(api.GET("/appointments/{id}", { params: { path: { id: place.id } } }));
      failure.value = null;
    } catch (error) {
      const refused = failureOf(error);
      if (expired(refused)) return null;
      failure.value = refused;
      if (refused.status >= 400 && refused.status < 500) return null;
    }
    return pause(one.value, tries.value++);
  }, [place.id]);

  const got = one.value;
  return (
    <section class="narrow">
      <h1 tabIndex={-1}>
        {got ? t("appointment.title", { name: got.doctor.name }) : t("appointment.title.unknown")}
      </h1>
      <Refusal failure={failure.value} />
      {!got && !failure.value && <Wait what={t("wait.appointments")} />}
      {got && (
        <>
          <TwoClocks own={got.hers} other={got.doctors} name={got.doctor.name} />
          <Standing one={got} />
          <Details one={got} changed={(next) => (one.value = next)} />
        </>
      )}
    </section>
  );
}

/** Milliseconds until the next look; null once nothing can change any more. */
export function pause(one: Appointment | null, tries: number): number | null {
  if (one?.state === "gone" || one?.state === "ended") return null;
  if (one?.state === "confirmed") return SETTLED_MS;
  return backoff(tries, 500, one?.state === "unreachable" ? SETTLED_MS : 5000);
}

function Details({ one, changed }: { one: Appointment; changed: (next: Appointment) => void }) {
  const shared = one.consent.items.map((item) => t(`item.${item}`)).join(", ");
  return (
    <>
      <h2>{t("appointment.about")}</h2>
      <dl>
        <div>
          <dt>{t("find.specialty")}</dt>
          <dd>
            {specialty(one.specialty)} · {country(one.doctor.jurisdiction)}
          </dd>
        </div>
        <div>
          <dt>{t("review.sees", { name: one.doctor.name })}</dt>
          <dd>{shared || t("review.nothing")}</dd>
        </div>
        <div>
          <dt>{t("review.where")}</dt>
          <dd>
            {one.consent.withdrawn_at
              ? t("consent.withdrawn", { time: moment(one.consent.withdrawn_at, one.hers.zone) })
              : t("review.until", {
                  country: country(one.consent.country),
                  time: moment(one.consent.until, one.hers.zone),
                })}
          </dd>
        </div>
      </dl>
      <RuleLine rule={one.rule} />
      {!one.consent.withdrawn_at && one.state !== "gone" && <Withdraw one={one} changed={changed} />}
    </>
  );
}

function Withdraw({ one, changed }: { one: Appointment; changed: (next: Appointment) => void }) {
  const sending = useSending();
  const withdraw = async () => {
    const path = { id: one.id };
    changed(await answer(api.POST("/appointments/{id}/consent/withdraw", { params: { path } })));
  };
  return (
    <details>
      <summary>{t("consent.withdraw")}</summary>
      <Notice>{t("consent.warning", { name: one.doctor.name })}</Notice>
      <Refusal failure={sending.failure.value} />
      <button type="button" class="danger" onClick={() => void sending.run(withdraw)}>
        {t("consent.withdraw.button")}
      </button>
    </details>
  );
}
