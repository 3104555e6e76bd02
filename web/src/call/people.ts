/** What is seen and heard in the call: the other person's tracks, one's own, and how the line holds. */
import { signal } from "@preact/signals";
import type { LocalVideoTrack, RemoteTrack } from "livekit-client";

export const otherHere = signal(false);
export const otherCamera = signal<RemoteTrack | null>(null);
export const otherScreen = signal<RemoteTrack | null>(null);
export const otherSound = signal<RemoteTrack | null>(null);
export const otherMuted = signal(false);
export const ownCamera = signal<LocalVideoTrack | null>(null);
export const own = signal({ microphone: false, camera: false, screen: false });
/** The picture is held back so that the voice comes through. */
export const picturePaused = signal(false);
export const weakLine = signal(false);
/** The browser wants a tap before it plays sound. */
export const soundBlocked = signal(false);

/** Forgets everybody, because the room is gone. */
export function clearPeople(): void {
  otherHere.value = false;
  otherCamera.value = null;
  otherScreen.value = null;
  otherSound.value = null;
  otherMuted.value = false;
  ownCamera.value = null;
  own.value = { microphone: false, camera: false, screen: false };
  picturePaused.value = false;
  weakLine.value = false;
  soundBlocked.value = false;
}
