/** One doctor that a search found: who, where licensed, under which rule, and when free on both clocks. */
import type { Found, Slot } from "../api/schema";
import { city, day } from "../clocks";
import { to } from "../navigation";
import { LicenceLine, RuleLine } from "../parts/rule";
import { country, language as languageName, specialty as specialtyName, t } from "../words";

type One = Found["results"][number];

/** Slots under the day on her own calendar. */
export function byDay(slots: readonly Slot[]): (readonly [date: string, slots: Slot[]])[] {
  const days = new Map<string, Slot[]>();
  for (const slot of slots) days.set(slot.hers.date, [...(days.get(slot.hers.date) ?? []), slot]);
  return [...days];
}

export function Result({ one, specialty, language }: { one: One; specialty: string; language: string }) {
  const { doctor, rule, slots, more } = one;
  return (
    <article class="card">
      <h3>{doctor.name}</h3>
      <p>
        <strong>{country(doctor.jurisdiction)}</strong> · {doctor.specialties.map(specialtyName).join(", ")}
      </p>
      <p>{t("doctor.speaks", { languages: doctor.languages.map(languageName).join(", ") })}</p>
      <ul class="bare hint">
        {doctor.licences.map((licence) => (
          <li key={licence.number}>
            <LicenceLine licence={licence} />
          </li>
        ))}
      </ul>
      {!rule.offered && (
        <p>
          <strong>{t("find.not-offered")}</strong>
        </p>
      )}
      <RuleLine rule={rule} />
      {rule.offered && slots.length === 0 && <p>{t("find.full")}</p>}
      {byDay(slots).map(([date, times], index) => (
        <details key={date} open={index === 0}>
          <summary>{day(date)}</summary>
          <p class="hint">
            {t("find.clocks", { own: city(times[0]?.hers.zone ?? ""), other: city(doctor.zone) })}
          </p>
          <ul class="slots">
            {times.map((slot) => (
              <li key={slot.starts_at}>
                <SlotLink slot={slot} doctor={doctor} specialty={specialty} language={language} />
              </li>
            ))}
          </ul>
        </details>
      ))}
      {more && <p class="hint">{t("find.more")}</p>}
    </article>
  );
}

interface Bookable {
  slot: Slot;
  doctor: { node: string; id: string; name: string };
  specialty: string;
  language: string;
}

/** A link that books one slot: her time large, the doctor's below. */
export function SlotLink({ slot, doctor, specialty, language }: Bookable) {
  const { hers, doctors } = slot;
  const query = {
    node: doctor.node,
    doctor: doctor.id,
    at: slot.starts_at,
    from: hers.date,
    specialty,
    language,
  };
  const otherDay = doctors.date === hers.date ? "" : ` · ${day(doctors.date)}`;
  const theirs = `${city(doctors.zone)} ${doctors.time}${otherDay}`;
  // What is read aloud begins with what is seen, so that saying it to a voice control works.
  const label = t("find.slot", { shown: `${hers.time} ${theirs}`, day: day(hers.date), name: doctor.name });
  return (
    <a class="slot" href={to("/book", query)} aria-label={label}>
      <strong>{hers.time}</strong> <small>{theirs}</small>
    </a>
  );
}
