/** The account: where one is signed in, ending all of it, and the time zone and language kept with it. */
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { answer, api, failureOf } from "../api/client";
import type { Session } from "../api/schema";
import { moment } from "../clocks";
import { Choice } from "../parts/field";
import { Form, useSending } from "../parts/form";
import { Notice, Refusal, Wait } from "../parts/notice";
import { endAll, expired, me, node, signOut } from "../session";
import { count, language, t } from "../words";
import { zones } from "./sign-up";

export default function Sessions() {
  const list = useSignal<Session[] | null>(null);
  const sending = useSending();
  useEffect(() => {
    answer(api.GET("/sessions")).then(
      (got) => {
        list.value = got.sessions;
      },
      (error) => {
        const refused = failureOf(error);
        if (!expired(refused)) sending.failure.value = refused;
      },
    );
  }, [list, sending.failure]);
  return (
    <section class="narrow">
      <h1 tabIndex={-1}>{t("account.title")}</h1>
      <Preferences />
      <h2>{t("account.sessions")}</h2>
      {!list.value && !sending.failure.value && <Wait />}
      {list.value && <p>{count("sessions", list.value.length)}</p>}
      <ul class="list">
        {list.value?.map((one) => (
          <li key={one.id}>
            <span>{t("account.since", { time: moment(one.started_at, me.value?.zone) })}</span>
            <span class="hint">
              {one.current
                ? t("account.this")
                : t("account.seen", { time: moment(one.last_seen_at, me.value?.zone) })}
            </span>
          </li>
        ))}
      </ul>
      <Refusal failure={sending.failure.value} />
      <p class="row">
        <button type="button" onClick={() => void sending.run(signOut)}>
          {t("account.sign-out")}
        </button>
        <button type="button" class="danger" onClick={() => void sending.run(endAll)}>
          {t("account.end-all")}
        </button>
      </p>
    </section>
  );
}

function Preferences() {
  const tongue = useSignal(me.value?.language ?? "en");
  const zone = useSignal(me.value?.zone ?? "UTC");
  const saved = useSignal(false);
  const sending = useSending();
  const languages = new Set([tongue.value, "en", ...(node.value?.languages ?? [])]);
  const send = async () => {
    saved.value = false;
    me.value = await answer(api.PATCH("/account", { body: { language: tongue.value, zone: zone.value } }));
    saved.value = true;
  };
  return (
    <Form send={send} sending={sending} button={t("account.save")}>
      <Choice
        label={t("field.language")}
        value={tongue.value}
        options={[...languages].map((tag) => [tag, language(tag)] as const)}
        onValue={(value) => {
          tongue.value = value;
        }}
      />
      <Choice
        label={t("field.zone")}
        hint={t("field.zone.hint")}
        value={zone.value}
        options={zones(zone.value)}
        onValue={(value) => {
          zone.value = value;
        }}
      />
      {saved.value && <Notice kind="good">{t("account.saved")}</Notice>}
    </Form>
  );
}
