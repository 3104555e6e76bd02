/** The administrator's screen: this node's doctors, and adding one with licence and hours. */
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { answer, api, failureOf } from "../api/client";
import type { OwnDoctor } from "../api/schema";
import { useSending } from "../parts/form";
import { Refusal, Wait } from "../parts/notice";
import { LicenceLine } from "../parts/rule";
import { expired } from "../session";
import { language, specialty, t } from "../words";
import { AddDoctor } from "./admin-add";

export default function Admin() {
  const doctors = useSignal<OwnDoctor[] | null>(null);
  const sending = useSending();
  useEffect(() => {
    answer(api.GET("/admin/doctors")).then(
      (got) => {
        doctors.value = got.doctors;
      },
      (error) => {
        const refused = failureOf(error);
        if (!expired(refused)) sending.failure.value = refused;
      },
    );
  }, [doctors, sending.failure]);
  return (
    <section class="narrow">
      <h1 tabIndex={-1}>{t("admin.title")}</h1>
      <Refusal failure={sending.failure.value} />
      {!doctors.value && !sending.failure.value && <Wait />}
      {doctors.value?.length === 0 && <p>{t("admin.empty")}</p>}
      {doctors.value?.map((doctor) => (
        <article class="card" key={doctor.id}>
          <h2>{doctor.name}</h2>
          <p>{doctor.specialties.map(specialty).join(", ")}</p>
          <p>{t("doctor.speaks", { languages: doctor.languages.map(language).join(", ") })}</p>
          <ul class="bare hint">
            {doctor.licences.map((licence) => (
              <li key={licence.number}>
                <LicenceLine licence={licence} />
              </li>
            ))}
          </ul>
        </article>
      ))}
      <AddDoctor
        added={(doctor) => {
          doctors.value = [...(doctors.value ?? []), doctor];
        }}
      />
    </section>
  );
}
