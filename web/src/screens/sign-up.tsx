/** Making an account: name, contact, password, language and time zone. */
import { useSignal } from "@preact/signals";
import { answer, api } from "../api/client";
import { city, ownZone } from "../clocks";
import { go, to } from "../navigation";
import { Choice, TextField } from "../parts/field";
import { Form, useSending } from "../parts/form";
import { node } from "../session";
import { language, locale, t } from "../words";

/** Every zone that the browser knows, and the one asked for even if it does not. */
export function zones(own: string): (readonly [string, string])[] {
  const known = new Set([...Intl.supportedValuesOf("timeZone"), own]);
  return [...known]
    .sort()
    .map((zone) => [zone, `${city(zone)} (${zone.split("/")[0]?.replaceAll("_", " ") ?? zone})`] as const);
}

export default function SignUp() {
  const form = useSignal({
    name: "",
    contact: "",
    password: "",
    language: locale.value.split("-")[0] ?? "en",
    zone: ownZone(),
  });
  const sending = useSending();
  const set = (part: Partial<typeof form.value>) => {
    form.value = { ...form.value, ...part };
  };
  const { name, contact, password, zone } = form.value;
  const wrong = (field: string) => sending.failure.value?.field(field);
  const languages = new Set([form.value.language, "en", ...(node.value?.languages ?? [])]);
  const send = async () => {
    await answer(api.POST("/accounts", { body: { ...form.value, contact: contact.trim() } }));
    go(to("/sign-in", { new: "1" }));
  };
  return (
    <section class="narrow">
      <h1 tabIndex={-1}>{t("sign-up.title")}</h1>
      <p>{t("sign-up.text")}</p>
      <Form send={send} sending={sending} button={t("sign-up.button")}>
        <TextField
          label={t("field.name")}
          autocomplete="name"
          required
          maxLength={200}
          value={name}
          wrong={wrong("name")}
          onValue={(value) => set({ name: value })}
        />
        <TextField
          label={t("field.contact")}
          hint={t("field.contact.hint")}
          autocomplete="username"
          required
          value={contact}
          wrong={wrong("contact")}
          onValue={(value) => set({ contact: value })}
        />
        <TextField
          label={t("field.password")}
          hint={t("field.password.hint")}
          type="password"
          autocomplete="new-password"
          required
          minLength={10}
          value={password}
          wrong={wrong("password")}
          onValue={(value) => set({ password: value })}
        />
        <Choice
          label={t("field.language")}
          value={form.value.language}
          wrong={wrong("language")}
          options={[...languages].map((tag) => [tag, language(tag)] as const)}
          onValue={(value) => set({ language: value })}
        />
        <Choice
          label={t("field.zone")}
          hint={t("field.zone.hint")}
          value={zone}
          wrong={wrong("zone")}
          options={zones(zone)}
          onValue={(value) => set({ zone: value })}
        />
      </Form>
      <p>
        {t("sign-up.have")} <a href="/sign-in">{t("sign-in.title")}</a>
      </p>
    </section>
  );
}
