/** Help, and what this page does not promise, said plainly. */
import { t, type Word } from "../words";

const ANSWERS: readonly (readonly [title: Word, text: Word])[] = [
  ["help.call", "help.call.text"],
  ["help.back", "help.back.text"],
  ["help.shared", "help.shared.text"],
  ["help.chat", "help.chat.text"],
];
const LIMITS: readonly Word[] = [
  "help.limit.call",
  "help.limit.script",
  "help.limit.contact",
  "help.limit.rules",
];

export default function Help() {
  return (
    <section class="narrow">
      <h1 tabIndex={-1}>{t("help.title")}</h1>
      {ANSWERS.map(([title, text]) => (
        <div key={title}>
          <h2>{t(title)}</h2>
          <p>{t(text)}</p>
        </div>
      ))}
      <h2>{t("help.limits")}</h2>
      <ul>
        {LIMITS.map((word) => (
          <li key={word}>{t(word)}</li>
        ))}
      </ul>
    </section>
  );
}
