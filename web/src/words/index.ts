/** The page's words: one language loaded at a time, keys typed from English, plurals by Intl.PluralRules. */
import { signal } from "@preact/signals";
import type english from "./en.json";

export type Words = typeof english;
export type Word = keyof Words;
type Plural = Word extends infer W ? (W extends `${infer Base}.other` ? Base : never) : never;
type Values = Record<string, string | number>;

/** Every language the page speaks. `ar-XB` is made from English, long and right-to-left, to try layouts with. */
const LANGUAGES: Record<string, () => Promise<Words>> = {
  en: () => import("./en.json").then((module) => module.default),
  "ar-XB": () => import("./pseudo").then((module) => module.words()),
};
const RIGHT_TO_LEFT = new Set(["ar", "fa", "he", "ur"]);
const STORED = "locale";

export const locale = signal("en");
const words = signal<Partial<Words>>({});

/** Languages to offer by name; the trial one is reached through `?locale=ar-XB` alone. */
export const OFFERED = Object.keys(LANGUAGES).filter((tag) => tag !== "ar-XB");

/** Chooses from the address, then what was chosen before, then the browser's wishes; English otherwise. */
export function wanted(): string {
  const asked = [new URLSearchParams(location.search).get("locale"), localStorage.getItem(STORED)];
  for (const tag of [...asked, ...navigator.languages]) {
    if (!tag) continue;
    if (tag in LANGUAGES) return tag;
    const base = tag.split("-")[0] ?? "";
    if (base in LANGUAGES) return base;
  }
  return "en";
}

/** Keeps the choice of a language, loads it and turns the page to it, its direction included. */
export async function speak(tag: string): Promise<void> {
  const load = LANGUAGES[tag];
  if (!load) return;
  // Kept before the words have come: whoever goes on to the next page at once has chosen all the same.
  localStorage.setItem(STORED, tag);
  words.value = await load();
  locale.value = tag;
  document.documentElement.lang = tag;
  document.documentElement.dir = RIGHT_TO_LEFT.has(tag.split("-")[0] ?? "") ? "rtl" : "ltr";
}

/** The sentence for a key, `{names}` filled in. */
export function t(key: Word, values: Values = {}): string {
  const text: string = words.value[key] ?? key;
  // A name or number of another script must not turn a right-to-left sentence around: it is set apart.
  const [before, after] = document.documentElement.dir === "rtl" ? ["\u2068", "\u2069"] : ["", ""];
  return text.replace(/\{(\w+)\}/g, (whole, name: string) =>
    name in values ? `${before}${values[name]}${after}` : whole,
  );
}

/** The sentence for a count, in the plural form that the language wants. */
export function count(key: Plural, n: number): string {
  const form = `${key}.${new Intl.PluralRules(locale.value).select(n)}`;
  return t(has(form) ? form : `${key}.other`, { n: n.toLocaleString(locale.value) });
}

/** Whether a key built at run time (a problem's code, a specialty) has a sentence. */
export function has(key: string): key is Word {
  return key in words.value;
}

/** A code's sentence if there is one, else the code made readable. */
export function named(prefix: string, code: string): string {
  const key = `${prefix}.${code}`;
  return has(key) ? t(key) : code.replaceAll("-", " ");
}

const display = (type: Intl.DisplayNamesType, code: string): string => {
  try {
    return new Intl.DisplayNames([locale.value, "en"], { type }).of(code) ?? code;
  } catch {
    return code;
  }
};
export const country = (code: string): string => display("region", code);
export const language = (tag: string): string => display("language", tag);
export const specialty = (code: string): string => named("specialty", code);
