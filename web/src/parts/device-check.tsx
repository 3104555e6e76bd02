/** Camera and microphone tried before a visit: own picture, a level meter, and what to do when one does not open. */
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { wants } from "../call/call";
import { type Check, check, listen } from "../call/check";
import { t } from "../words";
import { Tick } from "./field";
import { Notice, Wait } from "./notice";
import { CameraPreview } from "./video";

export function DeviceCheck() {
  const tried = useSignal<Check | null>(null);
  const round = useSignal(0);
  const level = useSignal(0);
  useEffect(() => {
    let gone = false;
    let stop = () => {};
    void check().then((got) => {
      stop = got.stop;
      if (gone) return stop();
      tried.value = got;
      if (!got.microphone) return;
      const quiet = listen(got.microphone, (now) => {
        level.value = now;
      });
      stop = () => {
        quiet();
        got.stop();
      };
    });
    return () => {
      gone = true;
      stop();
    };
  }, [round.value, tried, level]);

  const got = tried.value;
  return (
    <section class="check" aria-label={t("check.title")}>
      <div class="preview">
        {got?.camera && wants.value.camera && (
          <CameraPreview stream={got.camera} label={t("check.picture")} />
        )}
        {got && !(got.camera && wants.value.camera) && <p>{t("check.no-picture")}</p>}
        {!got && <Wait what={t("check.asking")} />}
      </div>
      {got?.microphone && (
        <label class="meter">
          <span>{t("check.level")}</span>
          <meter min={0} max={1} value={level.value} />
        </label>
      )}
      {got && (!got.microphone || !got.camera) && (
        <Notice kind="bad">
          {t(
            got.microphone
              ? "check.denied.camera"
              : got.camera
                ? "check.denied.microphone"
                : "check.denied.both",
          )}{" "}
          <button type="button" onClick={() => round.value++}>
            {t("check.again")}
          </button>
        </Notice>
      )}
      <Tick
        label={t("check.sound-only")}
        checked={!wants.value.camera}
        onChange={(on) => {
          wants.value = { ...wants.value, camera: !on };
        }}
      />
    </section>
  );
}
