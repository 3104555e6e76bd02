import { beforeEach, describe, expect, test, vi } from "vitest";
import { draftOf } from "../src/call/draft";
import { nodeThatAnswers } from "./node";

const DRAFT = "/visits/v1/draft";
const saved = (revision: number) => ({ revision, saved_at: "2026-11-24T08:11:00Z" });

beforeEach(() => {
  vi.useFakeTimers();
});

describe("a draft", () => {
  test("is saved once, a moment after typing stops", async () => {
    const asked = nodeThatAnswers({
      [`GET ${DRAFT}`]: [200, { text: "", revision: 0, saved_at: null }],
      [`PUT ${DRAFT}`]: [200, saved(1)],
    });
    const draft = draftOf("v1");
    await draft.read();
    for (const text of ["C", "Co", "Cough"]) draft.type(text);
    expect(draft.state.value).toBe("typing");
    await vi.advanceTimersByTimeAsync(1000);
    const puts = asked.filter(({ method }) => method === "PUT");
    expect(puts.map(({ body }) => body)).toEqual([{ text: "Cough", revision: 0 }]);
    expect(draft.state.value).toBe("saved");
  });

  test("comes back as it was left", async () => {
    nodeThatAnswers({ [`GET ${DRAFT}`]: [200, { text: "Cough", ...saved(4) }] });
    const draft = draftOf("v1");
    await draft.read();
    expect(draft.text.value).toBe("Cough");
  });

  test("that the node could not take is tried again and keeps every letter", async () => {
    let down = true;
    nodeThatAnswers({
      [`GET ${DRAFT}`]: [200, { text: "", revision: 0, saved_at: null }],
      [`PUT ${DRAFT}`]: () => (down ? [503, { code: "busy" }] : [200, saved(1)]),
    });
    const draft = draftOf("v1");
    await draft.read();
    draft.type("Cough");
    await vi.advanceTimersByTimeAsync(1000);
    expect(draft.state.value).toBe("failed");
    down = false;
    await vi.advanceTimersByTimeAsync(3000);
    expect(draft.state.value).toBe("saved");
    expect(draft.text.value).toBe("Cough");
  });

  test("changed in another page is not overwritten until the doctor says so", async () => {
    let revision = 0;
    const asked = nodeThatAnswers({
      [`GET ${DRAFT}`]: () => [200, { text: "theirs", revision, saved_at: null }],
      [`PUT ${DRAFT}`]: ({ body }) =>
        (body as { revision: number }).revision === 7 ? [200, saved(8)] : [409, { code: "draft-changed" }],
    });
    const draft = draftOf("v1");
    await draft.read();
    draft.type("mine");
    await vi.advanceTimersByTimeAsync(1000);
    expect(draft.state.value).toBe("elsewhere");
    draft.type("mine still");
    await vi.advanceTimersByTimeAsync(5000);
    expect(asked.filter(({ method }) => method === "PUT")).toHaveLength(1);
    revision = 7;
    await draft.keepThis();
    expect(asked.at(-1)?.body).toEqual({ text: "mine still", revision: 7 });
    expect(draft.state.value).toBe("saved");
  });

  test("is saved before it is signed, with the revision that saving gave", async () => {
    const asked = nodeThatAnswers({
      [`GET ${DRAFT}`]: [200, { text: "", revision: 0, saved_at: null }],
      [`PUT ${DRAFT}`]: [200, saved(1)],
      "POST /visits/v1/note": [201, { id: "n", revision: 1, signed_at: "2026-11-24T08:12:00Z" }],
    });
    const draft = draftOf("v1");
    await draft.read();
    draft.type("Cough");
    await draft.sign();
    expect(asked.map(({ method }) => method)).toEqual(["GET", "PUT", "POST", "GET"]);
    expect(asked[2]?.body).toEqual({ text: "Cough", revision: 1 });
  });
});
