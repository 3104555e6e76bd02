/** One appointment's time on two clocks: the reader's own, then the other person's. */
import type { Clock } from "../api/schema";
import { city, day } from "../clocks";
import { t } from "../words";

export function TwoClocks({ own, other, name }: { own: Clock; other: Clock; name: string }) {
  return (
    <div class="clocks">
      <p class="day">{day(own.date)}</p>
      <p>
        <strong class="time">{own.time}</strong> <span>{t("clock.yours", { city: city(own.zone) })}</span>
      </p>
      <p class="other">
        <strong>{other.time}</strong> <span>{t("clock.theirs", { name, city: city(other.zone) })}</span>
        {other.date !== own.date && <span> · {day(other.date)}</span>}
      </p>
    </div>
  );
}
