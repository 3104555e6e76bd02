/** What the licence rule says of a patient and a doctor in two countries, and that the rule is a sample. */
import type { LicenceName, Rule } from "../api/schema";
import { country, named, t } from "../words";

export function RuleLine({ rule }: { rule: Rule }) {
  return (
    <div class="rule">
      <p>
        <strong>{named("rule", rule.kind)}</strong>
        {rule.why && <> {rule.why}</>}
      </p>
      <p class="hint">{t("rule.sample", { version: String(rule.version ?? "–") })}</p>
    </div>
  );
}

export function LicenceLine({ licence }: { licence: LicenceName }) {
  return (
    <span>
      {t("doctor.licence", {
        country: country(licence.jurisdiction),
        number: licence.number,
        authority: licence.authority,
      })}
    </span>
  );
}
