import { render, screen } from "@testing-library/preact";
import { expect, test } from "vitest";
import type { Visit } from "../src/api/schema";
import { follow, visit } from "../src/call/visit";
import { read } from "../src/navigation";
import VisitScreen from "../src/screens/visit";
import { appointment, nodeThatAnswers } from "./node";

const { doctor, rule, ...times } = appointment();
const DOCTORS = {
  ...times,
  id: "v1",
  you: "doctor",
  state: "in-call",
  now: "2026-11-24T08:11:00Z",
  patient: { name: null },
  doctor,
  rule,
  admitted: true,
  patient_waiting: false,
  doctor_arrived: true,
} as unknown as Visit;

test("a visit that closed by itself tells the doctor why, whose way in opens nothing any more", async () => {
  visit.value = DOCTORS;
  nodeThatAnswers({ "GET /visits/v1": [410, { code: "visit-over", end_reason: "timed-out" }] });
  expect(await follow("v1")).toBeNull();
  render(<VisitScreen place={read("/visit/v1", "")} />);
  expect(screen.getByRole("heading", { name: "The visit is over" })).toBeTruthy();
  expect(screen.getByText(/closed by itself, two hours after/)).toBeTruthy();
});
