/** The chat beside the call, and that it is held only in the two pages. */
import { useSignal } from "@preact/signals";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { currentRoom } from "../call/call";
import { LONGEST, lines, say, unread } from "../call/chat";
import { t } from "../words";

export function Chat({ name }: { name: string }) {
  const text = useSignal("");
  const failed = useSignal(false);
  const input = useRef<HTMLInputElement>(null);
  const list = useRef<HTMLDivElement>(null);
  // Before the next key is pressed, or its letter is lost.
  useLayoutEffect(() => input.current?.focus(), []);
  const number = lines.value.length;
  useEffect(() => {
    unread.value = 0;
    list.current?.scrollTo(0, list.current.scrollHeight);
  }, [number]);
  const send = async () => {
    const said = text.value.trim();
    if (!said) return;
    try {
      await say(currentRoom(), said);
      text.value = "";
      failed.value = false;
    } catch {
      failed.value = true;
    }
  };
  return (
    <section class="chat" aria-label={t("call.chat")}>
      <p class="hint">{t("chat.held")}</p>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard. */}
      <div ref={list} class="log" role="log" aria-label={t("chat.lines")} tabIndex={0}>
        <ol>
          {lines.value.map((line) => (
            <li key={line.id} class={line.own ? "mine" : ""}>
              <small>{line.own ? t("chat.you") : name}</small>
              <span dir="auto">{line.text}</span>
            </li>
          ))}
        </ol>
      </div>
      {failed.value && <p role="alert">{t("chat.failed")}</p>}
      <form
        class="row"
        onSubmit={(event) => {
          event.preventDefault();
          void send();
        }}
      >
        <input
          ref={input}
          aria-label={t("chat.message")}
          maxLength={LONGEST}
          autocomplete="off"
          value={text.value}
          onInput={(event) => {
            text.value = event.currentTarget.value;
          }}
        />
        <button type="submit">{t("chat.send")}</button>
      </form>
    </section>
  );
}
