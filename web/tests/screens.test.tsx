import { fireEvent, render, screen, waitFor } from "@testing-library/preact";
import { beforeEach, describe, expect, test } from "vitest";
import { place, read } from "../src/navigation";
import Book from "../src/screens/book";
import Find from "../src/screens/find";
import SignIn from "../src/screens/sign-in";
import SignUp from "../src/screens/sign-up";
import { me } from "../src/session";
import { appointment, clock, nodeThatAnswers } from "./node";

const doctor = (id: string, jurisdiction: string) => ({
  node: jurisdiction,
  id,
  name: `Dr ${id}`,
  jurisdiction,
  specialties: ["cardiology"],
  languages: ["en"],
  zone: "Asia/Shanghai",
  visit_minutes: 10,
  licences: [{ jurisdiction, number: "417", authority: "Health Commission" }],
});
const SLOT = {
  starts_at: "2026-11-24T08:10:00Z",
  ends_at: "2026-11-24T08:20:00Z",
  hers: clock("11:10", "Africa/Nairobi"),
  doctors: clock("16:10", "Asia/Shanghai"),
};
const rule = (offered: boolean, kind: string, why: string) => ({
  offered,
  kind,
  why,
  version: 1,
  sample: true,
});
const FOUND = {
  zone: "Africa/Nairobi",
  results: [
    {
      doctor: doctor("Rossi", "IT"),
      rule: rule(false, "unknown", "No rule is known."),
      slots: [],
      more: false,
    },
    { doctor: doctor("Li", "CN"), rule: rule(true, "direct-care", ""), slots: [SLOT], more: false },
  ],
  replicas: [{ node: "IT", pulled_at: null, stale: true }],
};
const at = (address: string) => {
  const url = new URL(address, location.origin);
  place.value = read(url.pathname, url.search);
  return place.value;
};
const type = (label: string | RegExp, value: string) =>
  fireEvent.input(screen.getByLabelText(label), { target: { value } });

beforeEach(() => {
  me.value = { role: "patient", name: "Amina", language: "en", zone: "Africa/Nairobi" };
});

describe("looking for a doctor", () => {
  test("shows both clocks, the sample rule, why one is not offered, and whose word is missing", async () => {
    nodeThatAnswers({ "GET /slots": [200, FOUND] });
    render(<Find place={at("/find?specialty=cardiology&language=en")} />);
    await screen.findByText("1 doctor has time for you");
    expect(screen.getByRole("link", { name: /^11:10 Shanghai 16:10/ })).toBeTruthy();
    expect(screen.getByText("Cannot be booked from your country.")).toBeTruthy();
    expect(screen.getByText(/No rule is known/)).toBeTruthy();
    expect(screen.getAllByText(/Sample rule, not law/)).toHaveLength(2);
    expect(screen.getByText(/not yet heard from Italy/)).toBeTruthy();
  });
});

describe("booking", () => {
  test("asks one question at a time and sends only what was ticked", async () => {
    const asked = nodeThatAnswers({
      "GET /slots": [200, FOUND],
      "POST /appointments": [202, appointment({ state: "requested" })],
    });
    const address =
      "/book?node=CN&doctor=Li&at=2026-11-24T08:10:00Z&from=2026-11-24&specialty=cardiology&language=en";
    render(<Book place={at(address)} />);
    await screen.findByRole("heading", { name: "Why do you come?" });
    type("Reason for coming", "My heart races.");
    fireEvent.click(screen.getByText("Continue"));
    await screen.findByRole("heading", { name: "Are you allergic to anything?" });
    fireEvent.click(screen.getByText("Continue"));
    await screen.findByRole("heading", { name: "Which medicines do you take?" });
    fireEvent.click(screen.getByText("Continue"));
    await screen.findByRole("heading", { name: "What may Dr Li see?" });
    fireEvent.click(screen.getByLabelText("Name"));
    fireEvent.click(screen.getByText("Continue"));
    fireEvent.click(await screen.findByText("Ask for this appointment"));
    await waitFor(() => expect(place.value.path).toBe("/appointments/ab12"));
    const sent = asked.at(-1);
    expect(sent?.headers.get("Idempotency-Key")).toBeTruthy();
    expect(sent?.body).toMatchObject({
      node: "CN",
      doctor_id: "Li",
      intake: { reason: "My heart races.", allergies: "", medicines: "" },
      consent: { items: ["reason", "allergies", "medicines"], until: "2026-11-24T10:20:00Z" },
    });
  });

  test("of a time that is gone says so and leads back to the search", async () => {
    nodeThatAnswers({ "GET /slots": [200, { ...FOUND, results: [] }] });
    render(<Book place={at("/book?node=CN&doctor=Li&at=x&from=2026-11-24&specialty=c&language=en")} />);
    await screen.findByRole("heading", { name: "This time is no longer open" });
  });
});

describe("accounts", () => {
  test("a refused field is told beside it and nothing typed is lost", async () => {
    nodeThatAnswers({
      "POST /accounts": [
        422,
        { code: "x", detail: "No.", fields: [{ pointer: "/contact", message: "Odd." }] },
      ],
    });
    render(<SignUp />);
    type("Your name", "Amina");
    type(/E-mail or phone/, "nonsense");
    type("Password", "long enough words");
    fireEvent.click(screen.getByText("Make my account"));
    await screen.findByText("Odd.");
    expect(screen.getByLabelText<HTMLInputElement>(/E-mail or phone/).value).toBe("nonsense");
    expect(screen.getByLabelText(/E-mail or phone/).getAttribute("aria-invalid")).toBe("true");
  });

  test("a refused sign-in is one sentence, the same for every reason", async () => {
    nodeThatAnswers({ "POST /session": [401, { code: "sign-in-refused" }] });
    render(<SignIn place={at("/sign-in")} />);
    type(/E-mail or phone/, "a@example.org");
    type("Password", "wrong");
    fireEvent.click(screen.getByRole("button", { name: "Sign in" }));
    await screen.findByText(/do not belong together/);
  });
});
