/** One signed note: its words, who signed it under which licence, and when. */
import type { Note } from "../api/schema";
import { moment } from "../clocks";
import { t } from "../words";
import { LicenceLine } from "./rule";

export function NoteCard({ note, zone }: { note: Note; zone?: string | undefined }) {
  return (
    <section class="note">
      <p class="written">{note.text}</p>
      <p class="hint">
        {t("note.signed", { name: note.author.name, time: moment(note.signed_at, zone) })}{" "}
        <LicenceLine licence={note.author.licence} />
      </p>
    </section>
  );
}
