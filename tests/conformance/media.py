"""Sound and pictures for the Python SDK to publish."""

from __future__ import annotations

import asyncio

import numpy as np
from livekit import rtc

_RATE = 48000
_HERTZ = 440
_TENTH = _RATE // 10


async def publish_tone(room: rtc.Room) -> rtc.LocalTrackPublication:
    """Publish a microphone track that hums for as long as the room is connected."""
    source = rtc.AudioSource(_RATE, 1)
    track = rtc.LocalAudioTrack.create_audio_track("tone", source)
    options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
    publication = await room.local_participant.publish_track(track, options)
    _keep(room, asyncio.create_task(_hum(room, source)))
    return publication


async def publish_silence(room: rtc.Room, *, dtx: bool) -> rtc.LocalAudioTrack:
    """Publish a microphone that hears nothing, without a second copy (RED)."""
    source = rtc.AudioSource(_RATE, 1)
    track = rtc.LocalAudioTrack.create_audio_track("silence", source)
    options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE, dtx=dtx, red=False)
    await room.local_participant.publish_track(track, options)
    _keep(room, asyncio.create_task(_hear_nothing(source)))
    return track


async def _hear_nothing(source: rtc.AudioSource) -> None:
    frame = rtc.AudioFrame.create(_RATE, 1, _RATE // 100)
    while True:
        await source.capture_frame(frame)


async def publish_picture(room: rtc.Room, width: int = 640, height: int = 360) -> rtc.LocalTrackPublication:
    """Publish a camera track of a moving bar."""
    source = rtc.VideoSource(width, height)
    track = rtc.LocalVideoTrack.create_video_track("picture", source)
    options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_CAMERA)
    publication = await room.local_participant.publish_track(track, options)
    _keep(room, asyncio.create_task(_move(room, source, width, height)))
    return publication


async def until_louder(track: rtc.Track, level: int) -> None:
    """Wait for a sample above the level; before the first packet comes there is silence. Raises TimeoutError."""
    stream = rtc.AudioStream(track)
    async with asyncio.timeout(10):
        async for event in stream:
            if np.abs(np.frombuffer(event.frame.data, dtype=np.int16)).max() > level:
                break
    await stream.aclose()


async def hum_level(track: rtc.Track, frames: int = 100) -> float:
    """The amplitude of `publish_tone`'s hum in the next frames, averaged over tenths of a second."""
    heard: list[bytes] = []
    stream = rtc.AudioStream(track)
    async for event in stream:
        heard.append(bytes(event.frame.data))
        if len(heard) >= frames:
            break
    await stream.aclose()
    samples = np.frombuffer(b"".join(heard), dtype=np.int16)
    tenths = samples[: len(samples) // _TENTH * _TENTH].reshape(-1, _TENTH)
    turns = np.exp(-2j * np.pi * _HERTZ / _RATE * np.arange(_TENTH))
    return float(np.mean(2 * abs(np.mean(tenths * turns, axis=1))))


def publications(room: rtc.Room, identity: str) -> list[rtc.RemoteTrackPublication]:
    """What someone publishes, as this room sees it; nothing while nobody of that name is there."""
    found = room.remote_participants.get(identity)
    return list(found.track_publications.values()) if found is not None else []


_tasks: set[asyncio.Task[None]] = set()


def _keep(room: rtc.Room, task: asyncio.Task[None]) -> None:
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)
    room.on("disconnected", lambda *_: task.cancel())


async def _hum(room: rtc.Room, source: rtc.AudioSource) -> None:
    step = 0
    while room.isconnected():
        phase = (np.arange(480) + 480 * step) * 2 * np.pi * _HERTZ / _RATE
        samples = (np.sin(phase) * 8000).astype(np.int16)
        await source.capture_frame(rtc.AudioFrame(samples.tobytes(), _RATE, 1, 480))
        step += 1
        await asyncio.sleep(0.008)


async def _move(room: rtc.Room, source: rtc.VideoSource, width: int, height: int) -> None:
    step = 0
    while room.isconnected():
        picture = np.zeros((height, width, 4), dtype=np.uint8)
        left = step * 7 % (width - 40)
        picture[:, left : left + 40] = 255
        source.capture_frame(rtc.VideoFrame(width, height, rtc.VideoBufferType.RGBA, picture.tobytes()))
        step += 1
        await asyncio.sleep(1 / 20)
