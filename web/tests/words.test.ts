import { afterEach, describe, expect, test } from "vitest";
import { count, has, named, speak, t, wanted } from "../src/words";
import en from "../src/words/en.json";
import { pseudo } from "../src/words/pseudo";

afterEach(() => speak("en"));

describe("words", () => {
  test("fill in the names in braces", () => {
    expect(t("clock.yours", { city: "Nairobi" })).toBe("your time, Nairobi");
  });

  test("choose the plural that the language wants", () => {
    expect(count("days", 1)).toBe("1 day");
    expect(count("days", 7)).toBe("7 days");
  });

  test("make an unknown code readable instead of failing", () => {
    expect(named("specialty", "hand-surgery")).toBe("hand surgery");
    expect(has("specialty.cardiology")).toBe(true);
  });
});

describe("a choice of language", () => {
  test("is kept for the next page even while its words are on their way", async () => {
    const arriving = speak("ar-XB");
    expect(wanted()).toBe("ar-XB");
    await arriving;
  });
});

describe("the trial language", () => {
  test("is longer than English and keeps every name in braces", () => {
    for (const text of Object.values(en)) {
      const names = text.match(/\{\w+\}/g) ?? [];
      for (const name of names) expect(pseudo(text)).toContain(name);
      expect(pseudo(text).length).toBeGreaterThan(text.length);
    }
  });

  test("turns the page right to left, and sets names of another script apart", async () => {
    await speak("ar-XB");
    expect(document.documentElement.dir).toBe("rtl");
    expect(t("clock.yours", { city: "Nairobi" })).toContain("\u2068Nairobi\u2069");
  });
});
