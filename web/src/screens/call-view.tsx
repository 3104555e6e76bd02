/** The call: the other person fills the screen, one's own picture is small, five controls at the thumb. */
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import * as call from "../call/call";
import { unread } from "../call/chat";
import * as people from "../call/people";
import { visitFailure } from "../call/visit";
import { Icon } from "../parts/icon";
import { Picture, Sound } from "../parts/video";
import { t } from "../words";
import { Chat } from "./chat-panel";

/** How the call stands, as one sentence; nothing when all is well. */
function line(name: string): string {
  if (call.phase.value === "entering") return t("call.entering");
  if (call.phase.value === "back") return t("call.back");
  if (call.phase.value === "over") return t("call.over");
  if (visitFailure.value) return t("call.no-node");
  if (call.denied.value.microphone) return t("call.denied.microphone");
  if (call.denied.value.camera) return t("call.denied.camera");
  if (!people.otherHere.value) return t("call.alone", { name });
  if (people.picturePaused.value) return t("call.paused");
  if (people.weakLine.value) return t("call.weak");
  if (people.otherMuted.value) return t("call.muted", { name });
  return "";
}

export function CallView({ name, left }: { name: string; left: () => void }) {
  const chatting = useSignal(false);
  const stage = useRef<HTMLElement>(null);
  const screen = people.otherScreen.value;
  const camera = people.otherCamera.value;
  useEffect(() => stage.current?.querySelector<HTMLElement>("h1")?.focus(), []);
  return (
    <section class="call" ref={stage} aria-label={t("call.title", { name })}>
      <h1 tabIndex={-1} class="unseen">
        {t("call.title", { name })}
      </h1>
      <div class={screen ? "stage sharing" : "stage"}>
        {screen && <Picture track={screen} label={t("call.screen", { name })} />}
        {camera && <Picture track={camera} label={t("call.picture", { name })} />}
        {!screen && !camera && people.otherHere.value && (
          <p class="nobody">{t("call.no-picture", { name })}</p>
        )}
        {people.ownCamera.value && (
          <div class="own">
            <Picture track={people.ownCamera.value} label={t("check.picture")} own />
          </div>
        )}
        {people.otherSound.value && <Sound track={people.otherSound.value} />}
        <p class="line" role="status">
          {line(name)}
        </p>
        {people.soundBlocked.value && (
          <button type="button" class="main sound" onClick={() => void call.playSound()}>
            {t("call.hear")}
          </button>
        )}
      </div>
      {chatting.value && <Chat name={name} />}
      <Controls chatting={chatting.value} chat={() => (chatting.value = !chatting.value)} left={left} />
    </section>
  );
}

function Controls({ chatting, chat, left }: { chatting: boolean; chat: () => void; left: () => void }) {
  const { microphone, camera, screen } = people.own.value;
  const leave = () => {
    left();
    void call.leave();
  };
  return (
    <div class="controls" role="group" aria-label={t("call.controls")}>
      <button
        type="button"
        class={microphone ? "" : "off"}
        onClick={() => void call.turn("microphone", !microphone)}
      >
        <Icon name="microphone" off={!microphone} />
        {t(microphone ? "call.mute" : "call.unmute")}
      </button>
      <button type="button" class={camera ? "" : "off"} onClick={() => void call.turn("camera", !camera)}>
        <Icon name="camera" off={!camera} />
        {t(camera ? "call.camera-off" : "call.camera-on")}
      </button>
      <button type="button" onClick={() => void call.share(!screen)}>
        <Icon name="screen" off={false} />
        {t(screen ? "call.share-stop" : "call.share")}
      </button>
      <button type="button" aria-expanded={chatting} onClick={chat}>
        <Icon name="chat" off={false} />
        {t("call.chat")}
        {unread.value > 0 && !chatting && <span class="unread">{unread.value}</span>}
      </button>
      <button type="button" class="danger" onClick={leave}>
        <Icon name="leave" off={false} />
        {t("call.leave")}
      </button>
    </div>
  );
}
