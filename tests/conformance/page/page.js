// The test page: livekit-client on window, and a few words to look at a call from outside.
import * as livekit from "livekit-client";

const rooms = new Map();
const events = [];

async function join(name, url, token, { passphrase, ...options } = {}, connect = {}) {
  const encryption = passphrase ? await encryptionBy(passphrase) : undefined;
  const room = new livekit.Room({ disconnectOnPageLeave: false, encryption, ...options });
  if (encryption) await room.setE2EEEnabled(true);
  rooms.set(name, room);
  const note = (kind) => (...args) => events.push({ name, kind, detail: describe(kind, args) });
  for (const kind of Object.values(livekit.RoomEvent)) room.on(kind, note(kind));
  room.on("trackSubscribed", (track) => document.body.append(track.attach()));
  room.on("trackUnsubscribed", (track) => track.detach().forEach((element) => element.remove()));
  await room.connect(url, token, connect);
  return room.localParticipant.sid;
}

async function encryptionBy(passphrase) {
  const keyProvider = new livekit.ExternalE2EEKeyProvider();
  await keyProvider.setKey(passphrase);
  const worker = new Worker("node_modules/livekit-client/dist/livekit-client.e2ee.worker.mjs", { type: "module" });
  return { keyProvider, worker };
}

function describe(kind, args) {
  if (kind === "dataReceived") return new TextDecoder().decode(args[0]);
  if (kind === "disconnected") return args[0];
  if (kind === "trackSubscribed") return args[2].identity;
  return undefined;
}

function seen(name, kind) {
  return events.filter((event) => event.name === name && event.kind === kind).map((event) => event.detail ?? null);
}

// What a receiver counts, by its name in W3C's webrtc-stats.
const MEASURES = [
  "timestamp",
  "packetsReceived",
  "packetsLost",
  "nackCount",
  "pliCount",
  "totalAudioEnergy",
  "totalSamplesReceived",
  "concealedSamples",
  "framesDecoded",
  "frameWidth",
  "freezeCount",
  "totalFreezesDuration",
];

async function received(name) {
  const room = rooms.get(name);
  const found = {};
  for (const participant of room.remoteParticipants.values()) {
    for (const publication of participant.trackPublications.values()) {
      const report = await publication.track?.getRTCStatsReport();
      const key = `${participant.identity}/${publication.source}`;
      found[key] = { muted: publication.isMuted, subscribed: publication.isSubscribed };
      const shown = publication.track?.attachedElements[0]?.getVideoPlaybackQuality?.();
      if (shown) found[key].framesShown = shown.totalVideoFrames - shown.droppedVideoFrames;
      report?.forEach((entry) => {
        if (entry.type !== "inbound-rtp") return;
        Object.assign(found[key], Object.fromEntries(MEASURES.map((measure) => [measure, entry[measure]])));
      });
    }
  }
  return found;
}

async function codecOf(name) {
  for (const participant of rooms.get(name).remoteParticipants.values()) {
    const report = await participant.getTrackPublication("camera")?.track?.getRTCStatsReport();
    let codec;
    report?.forEach((entry) => {
      if (entry.type === "inbound-rtp") codec = report.get(entry.codecId)?.mimeType;
    });
    if (codec) return codec;
  }
  return null;
}

// From here on this browser cannot receive a codec, whoever offers.
function lack(codec) {
  const known = RTCRtpReceiver.getCapabilities("video").codecs.filter(({ mimeType }) => mimeType !== `video/${codec}`);
  const connection = RTCPeerConnection.prototype;
  const { addTransceiver, setRemoteDescription } = connection;
  connection.addTransceiver = function (kind, options) {
    const transceiver = addTransceiver.call(this, kind, options);
    if (kind === "video") transceiver.setCodecPreferences(known);
    return transceiver;
  };
  connection.setRemoteDescription = async function (description) {
    await setRemoteDescription.call(this, description);
    if (description.type !== "offer") return;
    for (const transceiver of this.getTransceivers()) {
      if (transceiver.receiver.track.kind === "video") transceiver.setCodecPreferences(known);
    }
  };
}

async function candidatePair(name) {
  const report = await rooms.get(name).engine.pcManager.publisher.pc.getStats();
  const byId = new Map();
  report.forEach((entry) => byId.set(entry.id, entry));
  for (const entry of byId.values()) {
    if (entry.type === "transport" && entry.selectedCandidatePairId) {
      const pair = byId.get(entry.selectedCandidatePairId);
      const local = byId.get(pair.localCandidateId);
      const remote = byId.get(pair.remoteCandidateId);
      return { port: remote.port, protocol: remote.protocol, type: local.candidateType, relay: local.relayProtocol };
    }
  }
  return null;
}

// Milliseconds from connect() to the first painted frame of somebody who is there already.
async function firstFrame(url, token, connect = {}, patience = 10_000) {
  const room = new livekit.Room();
  const { promise: painted, resolve, reject } = Promise.withResolvers();
  room.on("trackSubscribed", (track) => {
    if (track.kind !== "video") return;
    const element = track.attach();
    document.body.append(element);
    element.requestVideoFrameCallback(resolve);
  });
  const timer = setTimeout(() => reject(new Error("no picture came")), patience);
  try {
    const began = performance.now();
    await room.connect(url, token, connect);
    return (await painted) - began;
  } finally {
    clearTimeout(timer);
    await room.disconnect();
    document.querySelector("video")?.remove();
  }
}

Object.assign(window, { livekit, rooms, events, join, seen, received, codecOf, lack, candidatePair, firstFrame });
