/** Asks the node: one typed client, and every refusal turned into a `Failure` with the node's own code. */
import createClient from "openapi-fetch";
import type { Problem, paths } from "./schema";

// fetch is looked up at each call, because tests answer at that boundary.
export const api = createClient<paths>({
  baseUrl: `${location.origin}/api/v1`,
  fetch: (request) => globalThis.fetch(request),
});

/** What the node refused and why; status 0 when no answer came at all. */
export class Failure extends Error {
  readonly code: string;
  readonly status: number;
  readonly problem: Problem;

  constructor(status: number, problem: Problem) {
    super(problem.detail ?? problem.title ?? "");
    this.status = status;
    this.problem = problem;
    this.code = problem.code ?? (status === 0 ? "no-answer" : "unexpected");
  }

  /** What the node said of one field of the body, or nothing. */
  field(name: string): string | undefined {
    return this.problem.fields?.find(({ pointer }) => pointer.replace(/^\/?body/, "").startsWith(`/${name}`))
      ?.message;
  }
}

type Asked<T> = Promise<{ data?: T; error?: unknown; response: Response }>;

/** The answer's data. Raises: Failure, for a refusal and for silence alike. */
export async function answer<T>(asked: Asked<T>): Promise<T> {
  let got: Awaited<Asked<T>>;
  try {
    got = await asked;
  } catch {
    throw new Failure(0, {});
  }
  if (!got.response.ok) throw new Failure(got.response.status, problemOf(got.error));
  return got.data as T;
}

function problemOf(body: unknown): Problem {
  return typeof body === "object" && body !== null ? (body as Problem) : {};
}

/** Any error as a Failure, so that a screen has one kind to show. */
export function failureOf(error: unknown): Failure {
  return error instanceof Failure ? error : new Failure(-1, {});
}
