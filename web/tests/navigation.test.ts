import { describe, expect, test } from "vitest";
import { read, to } from "../src/navigation";
import { onward } from "../src/screens/sign-in";

describe("an address", () => {
  test("names its screen and the id that follows", () => {
    expect(read("/visit/ab12", "")).toMatchObject({ screen: "visit", id: "ab12" });
    expect(read("/appointments/ab12/", "")).toMatchObject({ screen: "appointment", id: "ab12" });
  });

  test("that the page does not have is lost, and so is one with an id too many or too few", () => {
    for (const path of ["/nothing", "/visit", "/find/me", "/visit/a/b"])
      expect(read(path, "").screen).toBe("lost");
  });

  test("is built with its query encoded", () => {
    expect(to("/find", { specialty: "a b" })).toBe("/find?specialty=a+b");
  });
});

test("after signing in nobody is sent to another site", () => {
  for (const asked of ["//evil.example", "https://evil.example", "/\\evil.example", null])
    expect(onward(asked, "/")).toBe("/");
  expect(onward("/visit/1", "/")).toBe("/visit/1");
});
