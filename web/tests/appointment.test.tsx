import { render, screen } from "@testing-library/preact";
import { describe, expect, test, vi } from "vitest";
import type { Appointment } from "../src/api/schema";
import { pause } from "../src/screens/appointment";
import { Standing } from "../src/screens/appointment-standing";
import { sorted } from "../src/screens/home";
import { appointment, clock } from "./node";

const one = (different: object) => appointment(different) as Appointment;

describe("an appointment", () => {
  test("whose doctor's node is silent says until when it is tried, and past that no time that is over", () => {
    vi.useFakeTimers({ now: new Date("2026-11-24T08:01:00Z") });
    const silent = { state: "requested", trying: true, hold_until: "2026-11-24T08:03:00Z" };
    const { rerender } = render(<Standing one={one(silent)} />);
    expect(screen.getByRole("status").textContent).toContain("keep trying until 11:03");
    vi.setSystemTime(new Date("2026-11-24T08:04:00Z"));
    rerender(<Standing one={one({ ...silent, state: "held" })} />);
    expect(screen.getByRole("status").textContent).toContain("We keep trying; you need not");
  });

  test("that was refused for a reason the page does not know is not blamed on somebody else", () => {
    render(<Standing one={one({ state: "gone", detail: "refused" })} />);
    expect(screen.getByRole("alert").textContent).toContain("China could not take this booking");
  });

  test("that somebody else got is told kindly, with the next times", () => {
    const slot = {
      starts_at: "2026-11-24T09:10:00Z",
      ends_at: "2026-11-24T09:20:00Z",
      hers: clock("12:10", "Africa/Nairobi"),
      doctors: clock("17:10", "Asia/Shanghai"),
    };
    render(<Standing one={one({ state: "gone", detail: "slot-taken", next_slots: [slot] })} />);
    expect(screen.getByRole("alert").textContent).toContain("a moment faster");
    const link = screen.getByRole("link", { name: /^12:10 Shanghai 17:10/ });
    expect(link.getAttribute("href")).toContain("at=2026-11-24T09%3A10%3A00Z");
  });

  test("opens the waiting room 15 minutes before, not sooner", () => {
    vi.useFakeTimers({ now: new Date("2026-11-24T07:54:00Z") });
    const { rerender } = render(<Standing one={one({})} />);
    expect(screen.queryByRole("link")).toBeNull();
    vi.setSystemTime(new Date("2026-11-24T07:56:00Z"));
    rerender(<Standing one={one({})} />);
    expect(screen.getByRole("link").getAttribute("href")).toBe("/visit/ab12");
  });

  test("is asked about ever more slowly, and no more once it is settled", () => {
    expect(pause(one({ state: "requested" }), 0)).toBe(500);
    expect(pause(one({ state: "requested" }), 9)).toBe(5000);
    expect(pause(one({ state: "gone" }), 0)).toBeNull();
    expect(pause(null, 1)).toBe(1000);
  });
});

test("the first screen puts what is next first, and what is over behind", () => {
  const soon = one({ id: "soon" });
  const later = one({ id: "later", starts_at: "2026-11-25T08:10:00Z", closes_at: "2026-11-25T10:20:00Z" });
  const over = one({ id: "over", state: "ended" });
  const { ahead, past } = sorted([later, over, soon], Date.parse("2026-11-24T08:00:00Z"));
  expect(ahead.map(({ id }) => id)).toEqual(["soon", "later"]);
  expect(past.map(({ id }) => id)).toEqual(["over"]);
});
