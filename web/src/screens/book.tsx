/** Booking one slot, one question at a time; nothing is sent before the last step and nothing typed is lost on the way. */
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { answer, api, type Failure, failureOf } from "../api/client";
import type { DoctorCard, Intake, Item, Rule, Slot } from "../api/schema";
import { go, type Place } from "../navigation";
import { TwoClocks } from "../parts/clocks";
import { useSending } from "../parts/form";
import { Heading } from "../parts/heading";
import { Notice, Refusal, Wait } from "../parts/notice";
import { expired } from "../session";
import { t } from "../words";
import { Asking, Review, Sharing } from "./book-steps";

export interface Choice {
  doctor: DoctorCard;
  rule: Rule;
  slot: Slot;
  specialty: string;
  language: string;
}
export interface Answers extends Intake {
  items: Item[];
  /** How long after the visit's planned end the doctor may still see it, in hours. */
  hours: number;
}

const STEPS = ["reason", "allergies", "medicines", "share", "review"] as const;
const HOUR_MS = 3_600_000;

/** When the consent ends. */
export function until(slot: Slot, hours: number): string {
  return new Date(Date.parse(slot.ends_at) + hours * HOUR_MS).toISOString().replace(".000Z", "Z");
}

export default function Book({ place }: { place: Place }) {
  const choice = useSignal<Choice | null>(null);
  const failure = useSignal<Failure | null>(null);
  const lost = useSignal(false);
  useEffect(() => {
    chosen(place.query).then(
      (found) => {
        choice.value = found;
        lost.value = found === null;
      },
      (error) => {
        const refused = failureOf(error);
        if (!expired(refused)) failure.value = refused;
      },
    );
  }, [place, choice, lost, failure]);
  return (
    <section class="narrow">
      {lost.value && (
        <>
          <Heading>{t("book.lost.title")}</Heading>
          <p>{t("book.lost")}</p>
          <p>
            <a class="button main" href="/find">
              {t("find.title")}
            </a>
          </p>
        </>
      )}
      <Refusal failure={failure.value} />
      {choice.value && <Steps choice={choice.value} />}
      {!choice.value && !lost.value && !failure.value && <Wait />}
    </section>
  );
}

/** The slot that the address names, if the doctor still has it free. */
async function chosen(query: URLSearchParams): Promise<Choice | null> {
  const [specialty, language, from] = ["specialty", "language", "from"].map((name) => query.get(name) ?? "");
  if (!specialty || !language || !from) return null;
  const found = await answer(
    api.GET("/slots", { params: { query: { specialty, language, from, days: 1 } } }),
  );
  const result = found.results.find(
    ({ doctor }) => doctor.node === query.get("node") && doctor.id === query.get("doctor"),
  );
  const slot = result?.slots.find(({ starts_at }) => starts_at === query.get("at"));
  return result && slot ? { doctor: result.doctor, rule: result.rule, slot, specialty, language } : null;
}

function Steps({ choice }: { choice: Choice }) {
  const at = useSignal(0);
  const answers = useSignal<Answers>({
    reason: "",
    allergies: "",
    medicines: "",
    items: ["name", "reason", "allergies", "medicines"],
    hours: 2,
  });
  // One key for one intention: pressing Send again after a lost answer books nothing twice.
  const key = useRef(crypto.randomUUID());
  const sending = useSending();
  const step = STEPS[at.value] ?? "review";
  useFocusAtEach(step);

  const change = (part: Partial<Answers>) => {
    answers.value = { ...answers.value, ...part };
    key.current = crypto.randomUUID();
  };
  const move = (by: number) => {
    at.value += by;
    scrollTo(0, 0);
  };
  const send = () => sending.run(() => book(choice, answers.value, key.current));
  return (
    <>
      <div class="card slim">
        <p>{t("book.with", { name: choice.doctor.name })}</p>
        <TwoClocks own={choice.slot.hers} other={choice.slot.doctors} name={choice.doctor.name} />
        {choice.rule.kind === "second-opinion" && <Notice>{t("book.second-opinion")}</Notice>}
      </div>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (step === "review") void send();
          else move(1);
        }}
      >
        <p class="hint">{t("book.step", { n: at.value + 1, of: STEPS.length })}</p>
        {(step === "reason" || step === "allergies" || step === "medicines") && (
          <Asking what={step} answers={answers.value} change={change} />
        )}
        {step === "share" && <Sharing choice={choice} answers={answers.value} change={change} />}
        {step === "review" && <Review choice={choice} answers={answers.value} />}
        <Refusal failure={sending.failure.value} />
        <p class="row">
          <button type="submit" class="main" aria-disabled={sending.busy.value}>
            {t(step === "review" ? "book.send" : "book.continue")}
          </button>
          {at.value > 0 && (
            <button type="button" onClick={() => move(-1)}>
              {t("book.back")}
            </button>
          )}
        </p>
      </form>
    </>
  );
}

async function book(choice: Choice, answers: Answers, key: string): Promise<void> {
  const { doctor, slot, language, specialty } = choice;
  const { items, hours, reason, allergies, medicines } = answers;
  const booked = await answer(
    api.POST("/appointments", {
      params: { header: { "Idempotency-Key": key } },
      body: {
        node: doctor.node,
        doctor_id: doctor.id,
        starts_at: slot.starts_at,
        language,
        specialty,
        intake: { reason, allergies, medicines },
        consent: { items, until: until(slot, hours) },
      },
    }),
  );
  go(`/appointments/${booked.id}`, true);
}

/** Moves focus to each new question, but leaves the first to the screen's own arrival. */
function useFocusAtEach(step: string): void {
  const first = useRef(true);
  useEffect(() => {
    if (first.current) first.current = false;
    else document.querySelector<HTMLElement>("h1")?.focus();
  }, [step]);
}
