/** The foot of every screen: help, the language, and that a sample node is one. */
import { useId } from "preact/hooks";
import { node } from "../session";
import { language, locale, OFFERED, speak, t } from "../words";

export function Footer() {
  const id = useId();
  return (
    <footer class="foot">
      {node.value?.sample && <p>{t("frame.sample")}</p>}
      <p class="row">
        <a href="/help">{t("frame.help")}</a>
        {OFFERED.length > 1 && (
          <span class="row">
            <label htmlFor={id}>{t("frame.language")}</label>
            <select id={id} value={locale.value} onChange={(event) => void speak(event.currentTarget.value)}>
              {OFFERED.map((tag) => (
                <option key={tag} value={tag} lang={tag}>
                  {language(tag)}
                </option>
              ))}
            </select>
          </span>
        )}
      </p>
    </footer>
  );
}
