/** One visit, on the patient's node: which of the two people is here, and what the visit's state means for them. */
import { useEffect } from "preact/hooks";
import { leave } from "../call/call";
import { follow, visit, visitFailure } from "../call/visit";
import { moment } from "../clocks";
import type { Place } from "../navigation";
import { Heading } from "../parts/heading";
import { Notice, Refusal, Wait } from "../parts/notice";
import { usePoll } from "../polling";
import { me, node } from "../session";
import { country, t } from "../words";
import { DoctorVisit } from "./visit-doctor";
import { PatientVisit } from "./visit-patient";

export default function VisitScreen({ place }: { place: Place }) {
  usePoll(() => follow(place.id), [place.id]);
  useEffect(
    () => () => {
      visit.value = null;
      void leave();
    },
    [place.id],
  );
  const got = visit.value;
  const failure = visitFailure.value;
  if (!got)
    return (
      <section class="narrow">
        <Heading>{t("visit.title.unknown")}</Heading>
        {failure?.status === 401 || failure?.status === 404 || failure?.status === 403 ? (
          <NotHere />
        ) : (
          <Refusal failure={failure} />
        )}
        {!failure && <Wait what={t("wait.visit")} />}
      </section>
    );
  if (got.state === "ended") return <Over />;
  if (got.state === "too-early") return <Early />;
  return got.you === "doctor" ? <DoctorVisit visit={got} /> : <PatientVisit visit={got} />;
}

/** Neither her session nor a visiting doctor's: both ways in are told. */
function NotHere() {
  return (
    <>
      <Notice kind="bad">{t("visit.not-here")}</Notice>
      {!me.value && (
        <p>
          <a class="button main" href={`/sign-in?next=${encodeURIComponent(location.pathname)}`}>
            {t("sign-in.title")}
          </a>
        </p>
      )}
      <p>{t("visit.not-here.doctor")}</p>
    </>
  );
}

function Early() {
  const got = visit.value;
  return (
    <section class="narrow">
      <Heading>{t("visit.title", { name: got?.doctor.name ?? "" })}</Heading>
      <Notice>{t("home.opens", { time: moment(got?.enter_from ?? "", me.value?.zone) })}</Notice>
      <p>{t("visit.early")}</p>
    </section>
  );
}

function Over() {
  const got = visit.value;
  const home = node.value?.peers.find(({ id }) => id === got?.doctor.node)?.origin;
  return (
    <section class="narrow">
      <Heading>{t("ended.title")}</Heading>
      <Notice>{t(got?.end_reason ? `ended.${got.end_reason}` : "ended.closed")}</Notice>
      {got?.you === "patient" && (
        <p>
          <a class="button main" href="/record">
            {t("ended.record")}
          </a>
        </p>
      )}
      {got?.you === "doctor" && (
        <>
          <p>{t("ended.doctor", { country: country(node.value?.jurisdiction ?? "") })}</p>
          <p>
            <a class="button main" href={`${home ?? ""}/calendar`}>
              {t("ended.calendar")}
            </a>
          </p>
        </>
      )}
    </section>
  );
}
