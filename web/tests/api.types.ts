/** Holds the page's view of the API against the node's own: every answer fits what is read, every body what is taken. */
import type { paths as Node } from "../node_modules/.api/openapi";
import type { paths as Page } from "../src/api/schema";

type Json<T> = T extends { content: { "application/json": infer V } } ? V : undefined;
type Answer<Op> = Op extends { responses: infer R } ? Json<R[keyof R & (200 | 201 | 202 | 204)]> : never;
type Body<Op> = Op extends { requestBody: infer B } ? Json<NonNullable<B>> : undefined;

type Differs<Own, Theirs> = [Answer<Theirs>] extends [Answer<Own>]
  ? [Body<Own>] extends [Body<Theirs>]
    ? never
    : { body: Body<Own>; taken: Body<Theirs> }
  : { answer: Answer<Theirs>; read: Answer<Own> };
type Methods<Own, Theirs> = {
  [M in keyof Own as M extends keyof Theirs
    ? [Differs<Own[M], Theirs[M]>] extends [never]
      ? never
      : M
    : M]: M extends keyof Theirs ? Differs<Own[M], Theirs[M]> : "the node has no such method";
};
type Wrong = {
  [P in keyof Page as `/api/v1${P}` extends keyof Node
    ? keyof Methods<Page[P], Node[`/api/v1${P}`]> extends never
      ? never
      : P
    : P]: `/api/v1${P}` extends keyof Node
    ? Methods<Page[P], Node[`/api/v1${P}`]>
    : "the node has no such path";
};

/** What differs, by path and method, is what the compiler says is not assignable. */
export const wrong: Record<string, never> = {} as Wrong;
