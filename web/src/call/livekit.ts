/** The parts of LiveKit's client that the call uses, and no more, so that the chunk carries only them. */
export { ConnectionQuality, Room, RoomEvent, Track } from "livekit-client";
