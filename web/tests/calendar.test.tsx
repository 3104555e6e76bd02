import { render, screen } from "@testing-library/preact";
import { expect, test, vi } from "vitest";
import Calendar from "../src/screens/calendar";
import { clock, nodeThatAnswers } from "./node";

test("a visit is joined from 15 minutes before, and its country is told even when its node is trusted no more", async () => {
  vi.useFakeTimers({ now: new Date("2026-11-24T08:00:00Z"), toFake: ["Date"] });
  const entry = (different: object) => ({
    id: "a",
    patient_node: "KE",
    patient_jurisdiction: "KE",
    starts_at: "2026-11-24T08:10:00Z",
    ends_at: "2026-11-24T08:20:00Z",
    doctors: clock("16:10", "Asia/Shanghai"),
    language: "en",
    specialty: "cardiology",
    state: "confirmed",
    join_from: "2026-11-24T07:55:00Z",
    join_until: "2026-11-24T10:20:00Z",
    ...different,
  });
  const later = { id: "b", patient_jurisdiction: null, join_from: "2026-11-24T09:55:00Z" };
  nodeThatAnswers({ "GET /calendar": [200, { appointments: [entry({}), entry(later)] }] });
  render(<Calendar />);
  expect(await screen.findAllByText("patient in Kenya")).toHaveLength(2);
  expect(screen.getAllByRole("button", { name: "Join" })).toHaveLength(1);
  expect(screen.getByText("You can join from 17:55.")).toBeTruthy();
});
