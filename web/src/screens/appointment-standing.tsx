/** How an appointment stands, as one kind sentence, and what to do next. */
import type { Appointment } from "../api/schema";
import { moment, timeOfDay } from "../clocks";
import { to } from "../navigation";
import { Notice } from "../parts/notice";
import { country, has, t } from "../words";
import { SlotLink } from "./find-result";

export function Standing({ one }: { one: Appointment }) {
  const where = country(one.doctor.jurisdiction);
  const name = one.doctor.name;
  if (one.state === "requested" || one.state === "held") return <Asking one={one} where={where} />;
  if (one.state === "confirmed") return <Confirmed one={one} />;
  if (one.state === "unreachable")
    return (
      <>
        <Notice kind="bad">{t("standing.unreachable", { country: where, name })}</Notice>
        <Elsewhere one={one} />
      </>
    );
  if (one.state === "ended")
    return (
      <>
        <Notice>{t(one.end_reason ? `ended.${one.end_reason}` : "ended.closed")}</Notice>
        <p>
          <a class="button main" href="/record">
            {t("ended.record")}
          </a>
        </p>
      </>
    );
  const why = `gone.${one.detail}`;
  return (
    <>
      <Notice kind="bad">{t(has(why) ? why : "gone.refused", { name, country: where })}</Notice>
      {one.next_slots && one.next_slots.length > 0 && (
        <>
          <h2>{t("gone.next", { name })}</h2>
          <ul class="slots">
            {one.next_slots.map((slot) => (
              <li key={slot.starts_at}>
                <SlotLink slot={slot} doctor={one.doctor} specialty={one.specialty} language={one.language} />
              </li>
            ))}
          </ul>
        </>
      )}
      <Elsewhere one={one} />
    </>
  );
}

function Asking({ one, where }: { one: Appointment; where: string }) {
  // Past that time only the doctor's node knows whether the appointment stands: we go on asking, until its end.
  const ahead = one.hold_until !== null && Date.parse(one.hold_until) > Date.now();
  const until = ahead && one.hold_until && timeOfDay(one.hold_until, one.hers.zone);
  if (one.trying)
    return (
      <Notice>
        {until
          ? t("standing.trying-until", { country: where, time: until })
          : t("standing.trying", { country: where })}
      </Notice>
    );
  if (one.state === "held")
    return (
      <Notice>
        {until ? t("standing.held", { time: until }) : t("standing.requested", { country: where })}
      </Notice>
    );
  return <Notice>{t("standing.requested", { country: where })}</Notice>;
}

function Confirmed({ one }: { one: Appointment }) {
  const now = Date.now();
  const open = Date.parse(one.enter_from) <= now && now < Date.parse(one.closes_at);
  return (
    <>
      <Notice kind="good">{t("standing.confirmed")}</Notice>
      {open ? (
        <p>
          <a class="button main wide" href={`/visit/${one.id}`}>
            {t("visit.go")}
          </a>
        </p>
      ) : (
        <p>{t("home.opens", { time: moment(one.enter_from, one.hers.zone) })}</p>
      )}
    </>
  );
}

function Elsewhere({ one }: { one: Appointment }) {
  const query = { specialty: one.specialty, language: one.language };
  return (
    <p>
      <a class="button" href={to("/find", query)}>
        {t("gone.find")}
      </a>
    </p>
  );
}
