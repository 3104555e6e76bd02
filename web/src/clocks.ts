/** Times as people read them: a day in words, a time of day, a place's name. */
import { locale } from "./words";

/** The reader's own variety of the page's language, because en alone writes dates as America does. */
function variety(): string {
  const own = navigator.languages.find((tag) => tag.split("-")[0] === locale.value);
  return own?.includes("-") ? own : locale.value === "en" ? "en-GB" : locale.value;
}

/** A calendar day such as 2026-11-24, as "Tuesday 24 November". */
export function day(date: string): string {
  return format(new Date(`${date}T12:00:00Z`), {
    weekday: "long",
    day: "numeric",
    month: "long",
    timeZone: "UTC",
  });
}

/** The zone's city: Africa/Nairobi is "Nairobi". */
export function city(zone: string): string {
  return (zone.split("/").at(-1) ?? zone).replaceAll("_", " ");
}

/** An instant's time of day in a zone (the reader's own unless told). */
export function timeOfDay(instant: string, zone?: string): string {
  return format(new Date(instant), {
    hour: "2-digit",
    minute: "2-digit",
    hourCycle: "h23",
    ...(zone && { timeZone: zone }),
  });
}

/** An instant as day and time in a zone (the reader's own unless told), with the year unless it is this one. */
export function moment(instant: string, zone?: string): string {
  const at = new Date(instant);
  const isThisYear = dateIn(at, zone).slice(0, 4) === dateIn(new Date(), zone).slice(0, 4);
  return format(at, {
    ...(!isThisYear && { year: "numeric" }),
    day: "numeric",
    month: "long",
    hour: "2-digit",
    minute: "2-digit",
    hourCycle: "h23",
    ...(zone && { timeZone: zone }),
  });
}

/** An instant's calendar day in a zone, as 2026-11-24. */
export function dateIn(instant: Date, zone?: string): string {
  return new Intl.DateTimeFormat("en-CA", { dateStyle: "short", ...(zone && { timeZone: zone }) }).format(
    instant,
  );
}

export const ownZone = (): string => Intl.DateTimeFormat().resolvedOptions().timeZone;

function format(instant: Date, options: Intl.DateTimeFormatOptions): string {
  return new Intl.DateTimeFormat(variety(), options).format(instant);
}
