import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { moment } from "../src/clocks";

beforeEach(() => {
  vi.useFakeTimers();
  vi.setSystemTime("2026-12-31T22:30:00Z");
});
afterEach(() => {
  vi.useRealTimers();
});

test("a moment of another year says which, and years end when they do there", () => {
  expect(moment("2025-11-28T09:00:00Z", "UTC")).toContain("2025");
  expect(moment("2026-11-28T09:00:00Z", "UTC")).not.toContain("2026");
  // In Nairobi it is 2027 by now.
  expect(moment("2026-11-28T09:00:00Z", "Africa/Nairobi")).toContain("2026");
  expect(moment("2026-12-31T21:30:00Z", "Africa/Nairobi")).not.toContain("2027");
  expect(moment("2026-12-31T21:30:00Z", "UTC")).not.toContain("2026");
});
