/** Signing in, and why one was brought here. */
import { useSignal } from "@preact/signals";
import { go, type Place } from "../navigation";
import { TextField } from "../parts/field";
import { Form, useSending } from "../parts/form";
import { Notice } from "../parts/notice";
import { signIn } from "../session";
import { t } from "../words";

const FIRST = { patient: "/", doctor: "/calendar", administrator: "/admin" } as const;

/** Where to after signing in: an address inside the page, never another site's. */
export function onward(asked: string | null, first: string): string {
  return asked?.startsWith("/") && !asked.startsWith("//") && !asked.includes("\\") ? asked : first;
}

export default function SignIn({ place }: { place: Place }) {
  const contact = useSignal("");
  const password = useSignal("");
  const sending = useSending();
  const send = async () => {
    const known = await signIn(contact.value.trim(), password.value);
    go(onward(place.query.get("next"), FIRST[known.role]), true);
  };
  return (
    <section class="narrow">
      <h1 tabIndex={-1}>{t("sign-in.title")}</h1>
      {place.query.has("new") && <Notice kind="good">{t("sign-in.new")}</Notice>}
      {place.query.has("ended") && <Notice kind="good">{t("sign-in.ended")}</Notice>}
      {place.query.has("next") && <Notice>{t("sign-in.then")}</Notice>}
      <Form send={send} sending={sending} button={t("sign-in.button")}>
        <TextField
          label={t("field.contact")}
          hint={t("field.contact.hint")}
          autocomplete="username"
          required
          value={contact.value}
          onValue={(value) => {
            contact.value = value;
          }}
        />
        <TextField
          label={t("field.password")}
          type="password"
          autocomplete="current-password"
          required
          value={password.value}
          onValue={(value) => {
            password.value = value;
          }}
        />
      </Form>
      <p>
        {t("sign-in.none")} <a href="/sign-up">{t("sign-up.title")}</a>
      </p>
    </section>
  );
}
