/** Looking for a doctor: what for, in which language, in which days; then who is free, and who may not be offered and why. */
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { answer, api, type Failure, failureOf } from "../api/client";
import type { Found } from "../api/schema";
import { dateIn, moment } from "../clocks";
import { go, type Place, to } from "../navigation";
import { Choice, TextField } from "../parts/field";
import { Notice, Refusal, Wait } from "../parts/notice";
import { expired, me, node } from "../session";
import { count, country, language, locale, specialty, t } from "../words";
import { Result } from "./find-result";

const DAYS = [1, 3, 7, 14] as const;

interface Search {
  specialty: string;
  language: string;
  from: string;
  days: number;
}

/** The search that an address asks for, her own language and today where it says nothing. */
export function asked(query: URLSearchParams): Search {
  const days = Number(query.get("days"));
  return {
    specialty: query.get("specialty") ?? "",
    language: query.get("language") ?? me.value?.language ?? locale.value,
    from: query.get("from") ?? dateIn(new Date(), me.value?.zone),
    days: (DAYS as readonly number[]).includes(days) ? days : 7,
  };
}

export default function Find({ place }: { place: Place }) {
  const search = asked(place.query);
  return (
    <section>
      <h1 tabIndex={-1}>{t("find.title")}</h1>
      <Questions search={search} />
      {search.specialty ? <Results search={search} /> : <p class="hint">{t("find.start")}</p>}
    </section>
  );
}

function Questions({ search }: { search: Search }) {
  const form = useSignal(search);
  const set = (part: Partial<Search>) => {
    form.value = { ...form.value, ...part };
  };
  const known = node.value;
  const specialties = [...new Set([...(known?.specialties ?? []), form.value.specialty])].filter(Boolean);
  const languages = [...new Set([form.value.language, "en", ...(known?.languages ?? [])])].filter(Boolean);
  return (
    <form
      class="search"
      onSubmit={(event) => {
        event.preventDefault();
        const { days, ...rest } = form.value;
        const chosen = rest.specialty || (specialties[0] ?? "general-practice");
        go(to("/find", { ...rest, specialty: chosen, days: String(days) }));
      }}
    >
      <Choice
        label={t("find.specialty")}
        value={form.value.specialty || (specialties[0] ?? "")}
        options={specialties.map((code) => [code, specialty(code)] as const)}
        onValue={(value) => set({ specialty: value })}
      />
      <Choice
        label={t("find.language")}
        value={form.value.language}
        options={[["", t("find.any")] as const, ...languages.map((tag) => [tag, language(tag)] as const)]}
        onValue={(value) => set({ language: value })}
      />
      <TextField
        label={t("find.from")}
        type="date"
        required
        value={form.value.from}
        onValue={(value) => set({ from: value })}
      />
      <Choice
        label={t("find.days")}
        value={String(form.value.days)}
        options={DAYS.map((days) => [String(days), count("days", days)] as const)}
        onValue={(value) => set({ days: Number(value) })}
      />
      <button type="submit" class="main">
        {t("find.button")}
      </button>
    </form>
  );
}

function Results({ search }: { search: Search }) {
  const found = useSignal<Found | null>(null);
  const failure = useSignal<Failure | null>(null);
  const heading = useRef<HTMLHeadingElement>(null);
  const { specialty: what, language: tongue, from, days } = search;
  useEffect(() => {
    const query = { specialty: what, from, days, ...(tongue && { language: tongue }) };
    answer(api.GET("/slots", { params: { query } })).then(
      (got) => {
        found.value = got;
      },
      (error) => {
        const refused = failureOf(error);
        if (!expired(refused)) failure.value = refused;
      },
    );
  }, [what, tongue, from, days, found, failure]);

  // On a phone the answer lies below the questions: focus brings it into sight and reads it aloud.
  const arrived = found.value !== null;
  useEffect(() => {
    heading.current?.focus({ preventScroll: true });
    if (matchMedia("(width < 56rem)").matches) heading.current?.scrollIntoView();
  }, [arrived]);

  if (failure.value) return <Refusal failure={failure.value} />;
  if (!found.value) return <Wait what={t("wait.doctors")} />;
  const { results, replicas } = found.value;
  const offered = results.filter(({ rule, slots }) => rule.offered && slots.length > 0);
  const rest = results.filter((one) => !offered.includes(one));
  return (
    <>
      <h2 ref={heading} tabIndex={-1}>
        {offered.length ? count("find.found", offered.length) : t("find.none")}
      </h2>
      {offered.length === 0 && <p>{t("find.none.next")}</p>}
      {replicas
        .filter(({ stale }) => stale)
        .map(({ node: from, pulled_at }) => (
          <Notice key={from}>
            {pulled_at
              ? t("find.stale", { country: country(from), time: moment(pulled_at, me.value?.zone) })
              : t("find.never", { country: country(from) })}
          </Notice>
        ))}
      {[...offered, ...rest].map((one) => (
        <Result
          key={`${one.doctor.node}-${one.doctor.id}`}
          one={one}
          specialty={what}
          language={tongue || (one.doctor.languages[0] ?? "en")}
        />
      ))}
      <Freshness replicas={replicas} />
    </>
  );
}

function Freshness({ replicas }: { replicas: Found["replicas"] }) {
  const fresh = replicas.filter(({ stale, pulled_at }) => !stale && pulled_at);
  if (fresh.length === 0) return null;
  return (
    <p class="hint">
      {fresh
        .map(({ node: from, pulled_at }) =>
          t("find.fresh", { country: country(from), time: moment(pulled_at ?? "", me.value?.zone) }),
        )
        .join(" ")}
    </p>
  );
}
