/** The form that adds a doctor: who, what, the licence of this node's country, and weekly hours. */
import { useSignal } from "@preact/signals";
import { answer, api } from "../api/client";
import type { NewDoctor, OwnDoctor } from "../api/schema";
import { dateIn, day, ownZone } from "../clocks";
import { Choice, TextField, Tick } from "../parts/field";
import { Form, useSending } from "../parts/form";
import { Notice } from "../parts/notice";
import { node } from "../session";
import { count, language, specialty, t } from "../words";
import { zones } from "./sign-up";

/** Lengths of a visit to choose from, in minutes. */
const LENGTHS = [10, 15, 20, 30, 45, 60];
/** A Monday, from which weekdays get their names. */
const MONDAY = "2026-11-23";

const blank = () => ({
  name: "",
  contact: "",
  password: "",
  specialties: [] as string[],
  languages: ["en"],
  zone: ownZone(),
  visit_minutes: 20,
  number: "",
  authority: "",
  valid_from: dateIn(new Date()),
  valid_until: "",
  weekdays: [0, 1, 2, 3, 4],
  start: "09:00",
  end: "17:00",
});
type Typed = ReturnType<typeof blank>;

/** What was typed, as the node takes it. */
export function doctorOf(typed: Typed, jurisdiction: string): NewDoctor {
  const { number, authority, valid_from, valid_until, weekdays, start, end, ...rest } = typed;
  return {
    ...rest,
    licences: [{ jurisdiction, number, authority, valid_from, valid_until }],
    hours: weekdays.map((weekday) => ({ weekday, start, end })),
  };
}

const flip = <T,>(list: readonly T[], one: T, on: boolean): T[] =>
  on ? [...list.filter((other) => other !== one), one] : list.filter((other) => other !== one);

const weekdayName = (weekday: number) =>
  day(new Date(Date.parse(MONDAY) + weekday * 86_400_000).toISOString().slice(0, 10)).replace(/[\s,،].*/, "");

export function AddDoctor({ added }: { added: (doctor: OwnDoctor) => void }) {
  const form = useSignal<Typed>(blank());
  const done = useSignal("");
  const sending = useSending();
  const typed = form.value;
  const set = (part: Partial<Typed>) => {
    form.value = { ...form.value, ...part };
  };
  const wrong = (field: string) => sending.failure.value?.field(field);
  const send = async () => {
    const body = doctorOf(form.value, node.value?.jurisdiction ?? "");
    const doctor = await answer(api.POST("/admin/doctors", { body }));
    done.value = doctor.name;
    form.value = blank();
    added(doctor);
  };
  const text = (field: "name" | "contact" | "number" | "authority", label: string) => (
    <TextField
      label={label}
      required
      autocomplete="off"
      value={typed[field]}
      wrong={wrong(field)}
      onValue={(value) => set({ [field]: value })}
    />
  );
  const date = (field: "valid_from" | "valid_until", label: string) => (
    <TextField
      label={label}
      type="date"
      required
      value={typed[field]}
      onValue={(value) => set({ [field]: value })}
    />
  );
  return (
    <>
      <h2>{t("admin.add")}</h2>
      {done.value && <Notice kind="good">{t("admin.added", { name: done.value })}</Notice>}
      <Form send={send} sending={sending} button={t("admin.add")}>
        {text("name", t("admin.name"))}
        {text("contact", t("field.contact"))}
        <TextField
          label={t("admin.password")}
          hint={t("field.password.hint")}
          type="password"
          autocomplete="new-password"
          required
          minLength={10}
          value={typed.password}
          wrong={wrong("password")}
          onValue={(password) => set({ password })}
        />
        <Ticks
          legend={t("admin.specialties")}
          all={node.value?.specialties ?? []}
          named={specialty}
          chosen={typed.specialties}
          choose={(specialties) => set({ specialties })}
        />
        <Ticks
          legend={t("admin.languages")}
          all={[...new Set(["en", ...(node.value?.languages ?? [])])]}
          named={language}
          chosen={typed.languages}
          choose={(languages) => set({ languages })}
        />
        <Choice
          label={t("field.zone")}
          value={typed.zone}
          options={zones(typed.zone)}
          onValue={(zone) => set({ zone })}
        />
        <Choice
          label={t("admin.length")}
          value={String(typed.visit_minutes)}
          options={LENGTHS.map((minutes) => [String(minutes), count("minutes", minutes)] as const)}
          onValue={(minutes) => set({ visit_minutes: Number(minutes) })}
        />
        <fieldset>
          <legend>{t("admin.licence")}</legend>
          {text("number", t("admin.number"))}
          {text("authority", t("admin.authority"))}
          {date("valid_from", t("admin.from"))}
          {date("valid_until", t("admin.until"))}
        </fieldset>
        <Ticks
          legend={t("admin.weekdays")}
          all={[0, 1, 2, 3, 4, 5, 6]}
          named={weekdayName}
          chosen={typed.weekdays}
          choose={(weekdays) => set({ weekdays })}
        />
        <TextField
          label={t("admin.start")}
          type="time"
          required
          value={typed.start}
          onValue={(start) => set({ start })}
        />
        <TextField
          label={t("admin.end")}
          type="time"
          required
          value={typed.end}
          onValue={(end) => set({ end })}
        />
      </Form>
    </>
  );
}

function Ticks<T extends string | number>({
  legend,
  all,
  named,
  chosen,
  choose,
}: {
  legend: string;
  all: readonly T[];
  named: (one: T) => string;
  chosen: readonly T[];
  choose: (chosen: T[]) => void;
}) {
  return (
    <fieldset>
      <legend>{legend}</legend>
      {all.map((one) => (
        <Tick
          key={one}
          label={named(one)}
          checked={chosen.includes(one)}
          onChange={(on) => choose(flip(chosen, one, on))}
        />
      ))}
    </fieldset>
  );
}
