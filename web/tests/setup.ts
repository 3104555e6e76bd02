/** English words for every test, and nothing left over from one test to the next. */
import { cleanup } from "@testing-library/preact";
import { afterEach, beforeAll, vi } from "vitest";
import { speak } from "../src/words";

beforeAll(() => speak("en"));
afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
  vi.useRealTimers();
});
