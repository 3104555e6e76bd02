import { fireEvent, render, screen, waitFor } from "@testing-library/preact";
import { expect, test } from "vitest";
import RecordScreen from "../src/screens/record";
import { appointment, nodeThatAnswers } from "./node";

const look = (id: string, what: string, name: string) => ({
  id,
  at: "2026-11-24T08:10:00Z",
  who: { kind: "doctor", name, node: "CN" },
  what,
  items: [],
  visit_id: "ab12",
});

test("who looked long ago is shown when it is asked for, below what was shown already", async () => {
  nodeThatAnswers({
    "GET /record": [200, { visits: [], more: false }],
    "GET /record/accesses": ({ query }) =>
      query === "?before=b"
        ? [200, { accesses: [look("c", "read-shared", "Dr Li")], more: false }]
        : [200, { accesses: [look("a", "arrived", "Dr Wu"), look("b", "arrived", "Dr Wu")], more: true }],
  });
  render(<RecordScreen />);
  const older = await screen.findByText("Show older");
  expect(screen.queryByText("Dr Li, China")).toBeNull();
  fireEvent.click(older);
  const shown = await screen.findByText("Dr Li, China");
  await waitFor(() => expect(document.activeElement).toBe(shown.closest("li")));
  expect(screen.getAllByText("Dr Wu, China")).toHaveLength(2);
  expect(screen.queryByText("Show older")).toBeNull();
});

const visit = (id: string, reason: string) => ({
  appointment: appointment({ id }),
  notes: [],
  intake: { reason, allergies: "", medicines: "" },
});

test("older visits are shown when they are asked for, and a failure leaves what is shown", async () => {
  let tries = 0;
  nodeThatAnswers({
    "GET /record": ({ query }) => {
      if (!query) return [200, { visits: [visit("a", "a cough"), visit("b", "a fever")], more: true }];
      tries += 1;
      if (query !== "?before=b" || tries === 1)
        return [503, { code: "unavailable", detail: "Not just now." }];
      return [200, { visits: [visit("c", "a rash")], more: false }];
    },
    "GET /record/accesses": [200, { accesses: [], more: false }],
  });
  render(<RecordScreen />);
  fireEvent.click(await screen.findByText("Show older visits"));
  await screen.findByRole("alert");
  fireEvent.click(screen.getByText("Show older visits"));
  const shown = await screen.findByText("a rash");
  await waitFor(() => expect(document.activeElement).toBe(shown.closest("article")?.querySelector("h2")));
  expect(screen.getByText("a cough")).toBeTruthy();
  expect(screen.queryByText("Show older visits")).toBeNull();
});
