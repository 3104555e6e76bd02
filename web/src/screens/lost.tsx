/** An address that the page does not have. */
import { t } from "../words";

export default function Lost() {
  return (
    <section class="narrow">
      <h1 tabIndex={-1}>{t("lost.title")}</h1>
      <p>{t("lost.text")}</p>
      <p>
        <a class="button" href="/">
          {t("lost.home")}
        </a>
      </p>
    </section>
  );
}
