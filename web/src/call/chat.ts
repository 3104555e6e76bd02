/** The chat: a LiveKit text stream between the two pages, kept nowhere else. */
import { signal } from "@preact/signals";
import type { Room } from "livekit-client";

export interface Line {
  id: string;
  own: boolean;
  text: string;
}

/** The stream's topic, the same for both people. */
const TOPIC = "chat";
/** So many lines are kept in the page; older ones go. */
const MOST = 500;
/** The longest line, in characters. */
export const LONGEST = 2000;

export const lines = signal<readonly Line[]>([]);
export const unread = signal(0);

function add(own: boolean, text: string): void {
  const line = { id: crypto.randomUUID(), own, text: text.slice(0, LONGEST) };
  lines.value = [...lines.value, line].slice(-MOST);
}

/** Takes in what the other person writes. */
export function hearChat(room: Room): void {
  room.registerTextStreamHandler(TOPIC, async (reader) => {
    add(false, await reader.readAll());
    unread.value += 1;
  });
}

/** Sends a line. Raises: whatever LiveKit does when the room is gone, and the line is then not shown. */
export async function say(room: Room | undefined, text: string): Promise<void> {
  if (!room) throw new Error("no room");
  await room.localParticipant.sendText(text, { topic: TOPIC });
  add(true, text);
}

/** Forgets the conversation. */
export function clearChat(): void {
  lines.value = [];
  unread.value = 0;
}
