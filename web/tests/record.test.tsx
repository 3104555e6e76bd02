import { fireEvent, render, screen } from "@testing-library/preact";
import { expect, test } from "vitest";
import RecordScreen from "../src/screens/record";
import { nodeThatAnswers } from "./node";

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
    "GET /record": [200, { visits: [] }],
    "GET /record/accesses": ({ query }) =>
      query === "?before=b"
        ? [200, { accesses: [look("c", "read-shared", "Dr Li")], more: false }]
        : [200, { accesses: [look("a", "arrived", "Dr Wu"), look("b", "arrived", "Dr Wu")], more: true }],
  });
  render(<RecordScreen />);
  const older = await screen.findByText("Show older");
  expect(screen.queryByText("Dr Li, China")).toBeNull();
  fireEvent.click(older);
  await screen.findByText("Dr Li, China");
  expect(screen.getAllByText("Dr Wu, China")).toHaveLength(2);
  expect(screen.queryByText("Show older")).toBeNull();
});
