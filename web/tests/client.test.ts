import { expect, test, vi } from "vitest";
import { answer, api, failureOf } from "../src/api/client";
import { sentence } from "../src/parts/notice";
import { nodeThatAnswers } from "./node";

const refused = (asked: Promise<unknown>) => asked.then(() => expect.fail("was not refused"), failureOf);

test("a refusal carries the node's code and its word on each field", async () => {
  nodeThatAnswers({
    "POST /accounts": [
      422,
      { code: "invalid", detail: "No.", fields: [{ pointer: "/contact", message: "Odd." }] },
    ],
  });
  const body = { name: "A", contact: "x", password: "y", language: "en", zone: "UTC" };
  const failure = await refused(answer(api.POST("/accounts", { body })));
  expect(failure).toMatchObject({ code: "invalid", status: 422 });
  expect(failure.field("contact")).toBe("Odd.");
  expect(failure.field("name")).toBeUndefined();
});

test("a known code is told in the page's own words, an unknown one in the node's", async () => {
  nodeThatAnswers({
    "GET /session": [401, { code: "sign-in-refused", detail: "technical" }],
    "GET /node": [418, { code: "teapot", detail: "I am a teapot." }],
  });
  expect(sentence(await refused(answer(api.GET("/session"))))).toContain("do not belong together");
  expect(sentence(await refused(answer(api.GET("/node"))))).toBe("I am a teapot.");
});

test("silence is a refusal that says to check the connection", async () => {
  vi.stubGlobal("fetch", () => Promise.reject(new TypeError("network")));
  const failure = await refused(answer(api.GET("/node")));
  expect(failure.status).toBe(0);
  expect(sentence(failure)).toContain("Check your connection");
});
