/** What the LiveKit room tells, turned into signals. */

import type { RemoteParticipant, Room } from "livekit-client";
import { hearChat } from "./chat";
import type * as LiveKit from "./livekit";
import * as people from "./people";

interface Tell {
  state: (reconnecting: boolean) => void;
  cut: () => void;
  permitted: () => void;
}

/** Listens to a room until its listeners are removed. */
export function hear(room: Room, livekit: typeof LiveKit, tell: Tell): void {
  const { RoomEvent, Track, ConnectionQuality } = livekit;
  const look = () => lookAt(room, Track.Source);
  const seen = [
    RoomEvent.ParticipantConnected,
    RoomEvent.ParticipantDisconnected,
    RoomEvent.TrackPublished,
    RoomEvent.TrackSubscribed,
    RoomEvent.TrackUnsubscribed,
    // Only then is a publication gone from its participant.
    RoomEvent.TrackUnpublished,
    RoomEvent.TrackMuted,
    RoomEvent.TrackUnmuted,
    RoomEvent.TrackStreamStateChanged,
    RoomEvent.LocalTrackPublished,
    RoomEvent.LocalTrackUnpublished,
    RoomEvent.Connected,
    RoomEvent.Reconnected,
  ] as const;
  for (const event of seen) room.on(event, look);
  room.on(RoomEvent.SignalReconnecting, () => tell.state(true));
  room.on(RoomEvent.Reconnecting, () => tell.state(true));
  room.on(RoomEvent.Reconnected, () => tell.state(false));
  room.on(RoomEvent.Disconnected, tell.cut);
  room.on(RoomEvent.ParticipantPermissionsChanged, tell.permitted);
  room.on(RoomEvent.ConnectionQualityChanged, (quality, participant) => {
    if (participant.isLocal)
      people.weakLine.value = quality === ConnectionQuality.Poor || quality === ConnectionQuality.Lost;
  });
  room.on(RoomEvent.AudioPlaybackStatusChanged, () => {
    people.soundBlocked.value = !room.canPlaybackAudio;
  });
  hearChat(room);
}

function lookAt(room: Room, source: typeof LiveKit.Track.Source): void {
  // A visit's room holds two people; whoever is not oneself is the other.
  const other: RemoteParticipant | undefined = room.remoteParticipants.values().next().value;
  const camera = other?.getTrackPublication(source.Camera);
  const screen = other?.getTrackPublication(source.ScreenShare);
  const sound = other?.getTrackPublication(source.Microphone);
  const me = room.localParticipant;
  people.otherHere.value = other !== undefined;
  people.otherCamera.value = (camera && !camera.isMuted && camera.track) || null;
  people.otherScreen.value = screen?.track ?? null;
  people.otherSound.value = sound?.track ?? null;
  people.otherMuted.value = sound?.isMuted ?? false;
  people.picturePaused.value = camera?.track?.streamState === "paused";
  const mine = me.getTrackPublication(source.Camera);
  people.ownCamera.value = (mine && !mine.isMuted && mine.videoTrack) || null;
  people.own.value = {
    microphone: me.isMicrophoneEnabled,
    camera: me.isCameraEnabled,
    screen: me.isScreenShareEnabled,
  };
}
