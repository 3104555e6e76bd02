/** The call: the one owner of the LiveKit room, outside every component, and coming back after a cut. */
import { signal } from "@preact/signals";
import type { Room, RoomOptions } from "livekit-client";
import { answer, api, failureOf } from "../api/client";
import { backoff } from "../polling";
import { hear } from "./events";
import { clearPeople } from "./people";

/**
 * away: not in the room; entering: on the way; here: connected; back: the network broke and LiveKit or we try again;
 * over: the node lets nobody in any more.
 */
export type Phase = "away" | "entering" | "here" | "back" | "over";

export const phase = signal<Phase>("away");
/** Whether the doctor has let the patient in, so that both may speak. */
export const admitted = signal(false);
/** Whether sound and picture were wanted when the call began. */
export const wants = signal({ microphone: true, camera: true });
/** Devices that could not be opened. */
export const denied = signal({ microphone: false, camera: false });

declare global {
  interface Window {
    /** The room, for whoever measures a call from the console; it grants nothing that the page's user lacks. */
    telemed?: { room: Room | undefined };
  }
}

let room: Room | undefined;
let visitId: string | undefined;
let tries = 0;
let timer: ReturnType<typeof setTimeout> | undefined;

/** The library, in a chunk of its own; asked for early, in the waiting room. */
export const library = () => import("./livekit");
export const currentRoom = (): Room | undefined => room;

/** Milliseconds for which LiveKit itself may try to come back; after that a fresh token is asked for. */
const OWN_TRIES_MS = 3000;

/** Looks at the visit during which an admitted person may still lack the permission, before a fresh token is asked for. */
const LOOKS = 3;
let looksLacking = 0;

const OPTIONS: RoomOptions = {
  adaptiveStream: true,
  dynacast: true,
  reconnectPolicy: {
    nextRetryDelayInMs: ({ elapsedMs }) => (elapsedMs > OWN_TRIES_MS ? null : 300),
  },
};

/** Enters a visit's room and stays in it, through cuts, until `leave`. */
export async function enter(id: string): Promise<void> {
  if (visitId === id) return;
  await leave();
  visitId = id;
  tries = 0;
  phase.value = "entering";
  await connect();
}

/** Leaves the room for good; `enter` comes back. */
export async function leave(): Promise<void> {
  visitId = undefined;
  clearTimeout(timer);
  if (phase.value !== "over") phase.value = "away";
  await drop();
}

/** Takes in whether the patient has been admitted, and gives what may now be given. */
export function follow(isAdmitted: boolean): void {
  admitted.value = isAdmitted;
  if (!isAdmitted || phase.value !== "here" || !room) return;
  const allowed = room.localParticipant.permissions?.canPublish ?? false;
  looksLacking = allowed ? 0 : looksLacking + 1;
  if (allowed) void publish();
  else if (looksLacking > LOOKS) comeBack();
}

async function connect(): Promise<void> {
  const id = visitId;
  if (!id) return;
  try {
    const [livekit, entrance] = await Promise.all([
      library(),
      answer(api.POST("/visits/{id}/enter", { params: { path: { id } } })),
    ]);
    await drop();
    if (visitId !== id) return;
    const next = new livekit.Room(OPTIONS);
    room = next;
    window.telemed = { room: next };
    hear(next, livekit, { state: changed, cut: comeBack, permitted: () => follow(admitted.value) });
    await next.connect(entrance.url, entrance.token);
    if (visitId !== id) return void next.disconnect();
    tries = 0;
    phase.value = "here";
    follow(admitted.value);
  } catch (error) {
    if (visitId !== id) return;
    const refused = failureOf(error);
    if ([401, 403, 404, 410].includes(refused.status)) {
      visitId = undefined;
      phase.value = "over";
      return;
    }
    comeBack();
  }
}

function changed(reconnecting: boolean): void {
  if (visitId) phase.value = reconnecting ? "back" : "here";
}

/** The room is gone although nobody left: asks for a new token and enters again, ever slower. */
function comeBack(): void {
  if (!visitId) return;
  phase.value = "back";
  looksLacking = 0;
  clearTimeout(timer);
  timer = setTimeout(() => void connect(), backoff(tries++, 500, 4000));
}

async function drop(): Promise<void> {
  const old = room;
  room = undefined;
  clearPeople();
  if (!old) return;
  old.removeAllListeners();
  await old.disconnect().catch(() => undefined);
}

let publishing = false;

/** Opens the microphone, then the camera: the voice matters most and comes first. */
async function publish(): Promise<void> {
  const me = room?.localParticipant;
  if (!me || publishing) return;
  publishing = true;
  try {
    if (wants.value.microphone && !me.isMicrophoneEnabled) await open("microphone");
    if (wants.value.camera && !me.isCameraEnabled) await open("camera");
    // A page that records may also play sound, even after a reload without a tap.
    if (room && !room.canPlaybackAudio) await room.startAudio().catch(() => undefined);
  } finally {
    publishing = false;
  }
}

async function open(device: "microphone" | "camera"): Promise<void> {
  const me = room?.localParticipant;
  try {
    await (device === "camera" ? me?.setCameraEnabled(true) : me?.setMicrophoneEnabled(true));
    denied.value = { ...denied.value, [device]: false };
  } catch {
    denied.value = { ...denied.value, [device]: true };
    wants.value = { ...wants.value, [device]: false };
  }
}

/** Turns the microphone or the camera on or off. */
export async function turn(device: "microphone" | "camera", on: boolean): Promise<void> {
  wants.value = { ...wants.value, [device]: on };
  const me = room?.localParticipant;
  if (!me) return;
  if (on) return open(device);
  await (device === "camera" ? me.setCameraEnabled(false) : me.setMicrophoneEnabled(false));
}

/** Shows the screen or stops; choosing nothing in the browser's dialog is no error. */
export async function share(on: boolean): Promise<void> {
  await room?.localParticipant.setScreenShareEnabled(on).catch(() => undefined);
}

/** Lets sound play, after a tap that the browser asked for. */
export async function playSound(): Promise<void> {
  await room?.startAudio();
}
