/** A trial language made from English: a third longer and written right to left, so that a tight layout shows. */
import english from "./en.json";
import type { Words } from "./index";

const FROM = "aeiouycnsAEIOU";
const TO = "äéîôüýçñšÄÉÎÔÜ";
// Right-to-left override and its end: Latin letters then run as Arabic ones would.
const OVERRIDE = "\u202e";
const END = "\u202c";

function longer(word: string): string {
  if (word.startsWith("{")) return word;
  const accented = [...word].map((letter) => TO[FROM.indexOf(letter)] ?? letter).join("");
  const vowel = /[äéîôüÄÉÎÔÜ]/.exec(accented);
  const stretched = vowel && word.length > 3 ? accented.replace(vowel[0], vowel[0].repeat(3)) : accented;
  return `${OVERRIDE}${stretched}${END}`;
}

/** One sentence in the trial language; `{names}` stay. */
export function pseudo(text: string): string {
  return text
    .split(/(\{\w+\}|\s+)/)
    .map((part) => (/^\s*$/.test(part) ? part : longer(part)))
    .join("");
}

/** All of English in the trial language. */
export function words(): Words {
  return Object.fromEntries(Object.entries(english).map(([key, text]) => [key, pseudo(text)])) as Words;
}
