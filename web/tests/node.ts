/** A node for the page's tests: answers at the network's edge, and remembers what was asked. */
import { vi } from "vitest";

interface Asked {
  method: string;
  path: string;
  query: string;
  body: unknown;
  headers: Headers;
}
type Answer = [status: number, body?: unknown];

/** Answers `METHOD /path` (below /api/v1) from a table; what the table lacks is a 404. */
export function nodeThatAnswers(table: Record<string, Answer | ((asked: Asked) => Answer)>) {
  const asked: Asked[] = [];
  vi.stubGlobal("fetch", async (request: Request) => {
    const url = new URL(request.url);
    const path = url.pathname.replace("/api/v1", "");
    const text = await request.text();
    const one = {
      method: request.method,
      path,
      query: url.search,
      body: text && JSON.parse(text),
      headers: request.headers,
    };
    asked.push(one);
    const found = table[`${request.method} ${path}`];
    const [status, body] = typeof found === "function" ? found(one) : (found ?? [404, { code: "not-found" }]);
    const type = status < 400 ? "application/json" : "application/problem+json";
    return new Response(status === 204 ? null : JSON.stringify(body ?? {}), {
      status,
      headers: { "Content-Type": type },
    });
  });
  return asked;
}

export const clock = (time: string, zone: string) => ({ date: "2026-11-24", time, zone });

/** An appointment as the node tells it, with what a test wants different. */
export function appointment(different: object = {}) {
  return {
    id: "ab12",
    state: "confirmed",
    detail: null,
    trying: false,
    hold_until: null,
    starts_at: "2026-11-24T08:10:00Z",
    ends_at: "2026-11-24T08:20:00Z",
    hers: clock("11:10", "Africa/Nairobi"),
    doctors: clock("16:10", "Asia/Shanghai"),
    doctor: { node: "CN", id: "d1", name: "Dr Li Na", jurisdiction: "CN", licences: [] },
    language: "en",
    specialty: "infectious-diseases",
    rule: { offered: true, kind: "direct-care", rule_id: "r", version: 1, why: "", sample: true },
    consent: { items: ["name"], country: "CN", until: "2026-11-24T10:20:00Z", withdrawn_at: null },
    enter_from: "2026-11-24T07:55:00Z",
    closes_at: "2026-11-24T10:20:00Z",
    next_slots: [],
    ended_at: null,
    end_reason: null,
    ...different,
  };
}
