/** A note being written: saved a moment after each pause in typing, one save at a time, with the state of it told. */
import { signal } from "@preact/signals";
import { answer, api, type Failure, failureOf } from "../api/client";
import { backoff } from "../polling";

/** loading; saved: the node has every letter; typing and saving: not yet; failed: tried again by itself; elsewhere: another page wrote. */
export type DraftState = "loading" | "saved" | "typing" | "saving" | "failed" | "elsewhere";

/** A pause in typing that means "save", in milliseconds. */
const PAUSE_MS = 800;
/** The longest note, in characters, as the node takes it. */
export const LONGEST_NOTE = 20_000;

export function draftOf(id: string) {
  const path = { id };
  const text = signal("");
  const state = signal<DraftState>("loading");
  const savedAt = signal<string | null>(null);
  let revision = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let tries = 0;
  let running: Promise<void> | undefined;

  async function read(): Promise<void> {
    const got = await answer(api.GET("/visits/{id}/draft", { params: { path } }));
    ({ revision } = got);
    text.value = got.text;
    savedAt.value = got.saved_at;
    state.value = "saved";
  }

  async function put(): Promise<void> {
    const sent = text.value;
    state.value = "saving";
    try {
      const got = await answer(
        api.PUT("/visits/{id}/draft", { params: { path }, body: { text: sent, revision } }),
      );
      revision = got.revision;
      savedAt.value = got.saved_at;
      tries = 0;
      state.value = text.value === sent ? "saved" : "typing";
      if (text.value !== sent) later(PAUSE_MS);
    } catch (error) {
      refused(failureOf(error));
    }
  }

  function refused(failure: Failure): void {
    if (failure.code === "draft-changed") {
      state.value = "elsewhere";
      return;
    }
    state.value = "failed";
    if (failure.status === 0 || failure.status >= 500 || failure.status === 429)
      later(backoff(tries++, 1000));
  }

  function save(): Promise<void> {
    clearTimeout(timer);
    running ??= put().finally(() => {
      running = undefined;
    });
    return running;
  }

  function later(wait: number): void {
    clearTimeout(timer);
    timer = setTimeout(() => void save(), wait);
  }

  /** Saves what is not saved yet. */
  async function settle(): Promise<void> {
    await running;
    if (state.value === "typing" || state.value === "failed") await save();
  }

  return {
    text,
    state,
    savedAt,
    read,
    type(value: string): void {
      text.value = value;
      if (state.value === "elsewhere") return;
      state.value = "typing";
      later(PAUSE_MS);
    },
    /** Makes the note final. */
    async sign(): Promise<void> {
      await settle();
      await answer(api.POST("/visits/{id}/note", { params: { path }, body: { text: text.value, revision } }));
      await read();
    },
    async discard(): Promise<void> {
      clearTimeout(timer);
      await running;
      await answer(api.DELETE("/visits/{id}/draft", { params: { path } }));
      await read();
    },
    /** Keeps what is typed here although another page wrote: over that page's revision. */
    async keepThis(): Promise<void> {
      const mine = text.value;
      await read();
      text.value = mine;
      await save();
    },
    async takeOther(): Promise<void> {
      await read();
    },
    stop(): void {
      clearTimeout(timer);
    },
  };
}
