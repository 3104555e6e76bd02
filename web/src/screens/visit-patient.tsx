/** The patient's side of a visit: the check, the waiting room, and the call once the doctor has let her in. */
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { Visit } from "../api/schema";
import { enter, library, phase } from "../call/call";
import { visitFailure } from "../call/visit";
import { timeOfDay } from "../clocks";
import { DeviceCheck } from "../parts/device-check";
import { Heading } from "../parts/heading";
import { Notice } from "../parts/notice";
import { me } from "../session";
import { t } from "../words";
import { CallView } from "./call-view";

/** Remembers in this tab that she has entered, so that a reload takes her back without asking again. */
const entered = (id: string) => `entered ${id}`;

export function PatientVisit({ visit }: { visit: Visit }) {
  const inside = useSignal(sessionStorage.getItem(entered(visit.id)) !== null || visit.admitted);
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    void library();
    if (inside.value) void enter(visit.id);
  }, [visit.id, inside]);
  const go = () => {
    sessionStorage.setItem(entered(visit.id), "1");
    inside.value = true;
    void enter(visit.id);
    // The button was at the foot; what has come of it stands at the top.
    scrollTo(0, 0);
    heading.current?.focus();
  };
  const left = () => {
    sessionStorage.removeItem(entered(visit.id));
    inside.value = false;
  };
  if (inside.value && visit.admitted) return <CallView name={visit.doctor.name} left={left} />;
  return (
    <section class="narrow">
      <Heading at={heading}>{t("visit.title", { name: visit.doctor.name })}</Heading>
      <Standing visit={visit} inside={inside.value} />
      <DeviceCheck />
      {!inside.value && (
        <p>
          <button type="button" class="main wide" onClick={go}>
            {t(visit.admitted ? "visit.return" : "waiting.enter")}
          </button>
        </p>
      )}
    </section>
  );
}

function Standing({ visit, inside }: { visit: Visit; inside: boolean }) {
  const time = timeOfDay(visit.starts_at, me.value?.zone);
  if (visitFailure.value) return <Notice kind="bad">{t("call.no-node")}</Notice>;
  if (!inside)
    return (
      <Notice>
        {visit.admitted
          ? t("visit.left", { time: timeOfDay(visit.closes_at, me.value?.zone) })
          : t("waiting.check", { time, name: visit.doctor.name })}
      </Notice>
    );
  if (phase.value === "entering") return <Notice>{t("waiting.entering")}</Notice>;
  if (phase.value === "back") return <Notice kind="bad">{t("call.back")}</Notice>;
  return (
    <Notice kind="good">
      {t(visit.doctor_arrived ? "waiting.arrived" : "waiting.here", { time, name: visit.doctor.name })}
    </Notice>
  );
}
