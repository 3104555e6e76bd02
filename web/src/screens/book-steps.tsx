/** The questions of a booking: her own words, what this doctor may see of them, and all of it once more. */
import type { Intake, Item } from "../api/schema";
import { moment } from "../clocks";
import { OneOf, TextArea, Tick } from "../parts/field";
import { Heading } from "../parts/heading";
import { RuleLine } from "../parts/rule";
import { country, t, type Word } from "../words";
import { type Answers, type Choice, until } from "./book";

type Change = (part: Partial<Answers>) => void;

const ITEMS: readonly Item[] = ["name", "reason", "allergies", "medicines"];
/** How long a doctor may look, in hours after the planned end: the time to come back in, a week, a month. */
const LENGTHS: readonly (readonly [hours: number, word: Word])[] = [
  [2, "share.visit"],
  [168, "share.week"],
  [720, "share.month"],
];

export function Asking({ what, answers, change }: { what: keyof Intake; answers: Answers; change: Change }) {
  return (
    <>
      <Heading>{t(`book.${what}`)}</Heading>
      <TextArea
        key={what}
        label={t(`item.${what}`)}
        hint={t(`book.${what}.hint`)}
        required={what === "reason"}
        autocomplete="off"
        maxLength={4000}
        rows={5}
        value={answers[what]}
        onValue={(value) => change({ [what]: value })}
      />
    </>
  );
}

export function Sharing({ choice, answers, change }: { choice: Choice; answers: Answers; change: Change }) {
  const { doctor, slot } = choice;
  const toggle = (item: Item, on: boolean) =>
    change({ items: ITEMS.filter((one) => (one === item ? on : answers.items.includes(one))) });
  return (
    <>
      <Heading>{t("share.title", { name: doctor.name })}</Heading>
      <p>{t("share.text", { country: country(doctor.jurisdiction) })}</p>
      <fieldset>
        <legend>{t("share.items")}</legend>
        {ITEMS.map((item) => (
          <Tick
            key={item}
            label={t(`item.${item}`)}
            checked={answers.items.includes(item)}
            onChange={(on) => toggle(item, on)}
          />
        ))}
      </fieldset>
      <OneOf
        label={t("share.until")}
        value={String(answers.hours)}
        options={LENGTHS.map(
          ([hours, word]) =>
            [String(hours), t(word, { time: moment(until(slot, hours), slot.hers.zone) })] as const,
        )}
        onValue={(value) => change({ hours: Number(value) })}
      />
    </>
  );
}

export function Review({ choice, answers }: { choice: Choice; answers: Answers }) {
  const { doctor, slot, rule } = choice;
  const shared = answers.items.map((item) => t(`item.${item}`)).join(", ");
  return (
    <>
      <Heading>{t("review.title")}</Heading>
      <dl>
        {(["reason", "allergies", "medicines"] as const).map((item) => (
          <div key={item}>
            <dt>{t(`item.${item}`)}</dt>
            <dd class="written">{answers[item] || t("review.nothing")}</dd>
          </div>
        ))}
        <div>
          <dt>{t("review.sees", { name: doctor.name })}</dt>
          <dd>{shared || t("review.nothing")}</dd>
        </div>
        <div>
          <dt>{t("review.where")}</dt>
          <dd>
            {t("review.until", {
              country: country(doctor.jurisdiction),
              time: moment(until(slot, answers.hours), slot.hers.zone),
            })}
          </dd>
        </div>
      </dl>
      <RuleLine rule={rule} />
    </>
  );
}
