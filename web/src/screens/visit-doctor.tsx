/** The doctor's side of a visit: the call and, beside it, what the patient shared and the note. */
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { Visit } from "../api/schema";
import { enter, library } from "../call/call";
import { admit } from "../call/visit";
import { DeviceCheck } from "../parts/device-check";
import { useSending } from "../parts/form";
import { Heading } from "../parts/heading";
import { Notice, Refusal } from "../parts/notice";
import { t } from "../words";
import { CallView } from "./call-view";
import { Chart } from "./chart";

export function DoctorVisit({ visit }: { visit: Visit }) {
  const call = useRef<HTMLDivElement>(null);
  const chart = useRef<HTMLDivElement>(null);
  const inside = useSignal(visit.admitted);
  const atChart = useSignal(false);
  useEffect(() => {
    void library();
    void enter(visit.id);
  }, [visit.id]);
  const name = visit.patient.name ?? t("visit.patient");
  const show = (panel: typeof call) => panel.current?.scrollIntoView({ block: "nearest", inline: "start" });
  return (
    <div class="beside">
      <div class="panels" role="group" aria-label={t("chart.panels")}>
        <button type="button" aria-pressed={!atChart.value} onClick={() => show(call)}>
          {t("chart.call")}
        </button>
        <button type="button" aria-pressed={atChart.value} onClick={() => show(chart)}>
          {t("chart.chart")}
        </button>
      </div>
      <div
        class="swipe"
        onScroll={({ currentTarget: { scrollLeft, clientWidth } }) => {
          // Right to left, the way along is counted below zero.
          atChart.value = Math.abs(scrollLeft) > clientWidth / 2;
        }}
      >
        <div ref={call} class="panel">
          {visit.admitted && inside.value ? (
            <CallView name={name} left={() => (inside.value = false)} />
          ) : (
            <Before visit={visit} name={name} again={() => (inside.value = true)} />
          )}
        </div>
        <div ref={chart} class="panel chart">
          <Chart visit={visit} name={name} />
        </div>
      </div>
    </div>
  );
}

function Before({ visit, name, again }: { visit: Visit; name: string; again: () => void }) {
  const sending = useSending();
  const letIn = async () => {
    if (!visit.admitted) await admit(visit.id);
    again();
    await enter(visit.id);
  };
  return (
    <section class="narrow">
      <Heading>{t("visit.title", { name })}</Heading>
      {visit.admitted ? (
        <Notice>{t("visit.left.doctor")}</Notice>
      ) : (
        <Notice kind={visit.patient_waiting ? "good" : "plain"}>
          {t(visit.patient_waiting ? "admit.waiting" : "admit.not-yet", { name })}
        </Notice>
      )}
      <Refusal failure={sending.failure.value} />
      <p>
        <button
          type="button"
          class="main wide"
          aria-disabled={sending.busy.value}
          onClick={() => void sending.run(letIn)}
        >
          {visit.admitted ? t("visit.return") : t("admit.button")}
        </button>
      </p>
      <DeviceCheck />
    </section>
  );
}
