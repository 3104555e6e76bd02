"""Published tracks, and who is subscribed to them with what wishes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from livekit.protocol.models import AudioTrackFeature, Encryption, TrackInfo, TrackSource, TrackType, VideoQuality

if TYPE_CHECKING:
    from signaling.rooms.participants import Participant
    from signaling.sfu.receiving.uplink import Uplink
    from signaling.sfu.sending.downlink import Downlink

FIRST, LAST = 1, 2**32
"""The highest priority that can be asked for, and one behind all that can."""


@dataclass(slots=True)
class Wishes:
    """What a subscriber asked for with UpdateTrackSettings. Width, height, fps and priority 0 mean not said."""

    disabled: bool = False
    quality: int = VideoQuality.HIGH
    width: int = 0
    height: int = 0
    fps: int = 0
    priority: int = 0


@dataclass(slots=True)
class Subscription:
    """One subscriber's side of a track. `needs_backup`: this client cannot receive the track's first codec.

    `was_told`: its client has been told that the video is paused, whatever it is now. `is_known`: it was negotiated
    when the clock last looked, so that its client knows of it by now.
    """

    subscriber: Participant
    track: Track
    downlink: Downlink
    wishes: Wishes
    needs_backup: bool = False
    was_told: bool = False
    is_known: bool = False

    @property
    def is_starved(self) -> bool:
        """Whether a narrow link, on either side, has no room for this video."""
        return self.track.is_held_back or self.downlink.has_yielded

    def apply(self) -> None:
        """Carry the wishes over to the stream."""
        self.downlink.set_paused(self.wishes.disabled)
        self.downlink.target_layer = self.track.layer_for(self.wishes)
        self.downlink.target_fps = self.wishes.fps
        self.downlink.rank = rank(self.track.info.source, self.wishes)


def rank(source: int, wishes: Wishes) -> int:
    """When a video is served on a narrow link, the lowest first: by priority, else what is shown before faces."""
    return wishes.priority or (FIRST if source == TrackSource.SCREEN_SHARE else LAST)


class Track:
    """A published track: what clients know of it (`info`) and the media behind it.

    `uplink` carries the first codec and `backup` the second, if there is one; `cids` has the client's own id of each
    with the name of its codec; `announced` is the best quality of each codec that the publisher was asked for, at
    `told_at`, and `repeats` how often it was told the same again. An administrator last muted it at `silenced_at`.
    """

    def __init__(self, publisher: Participant, info: TrackInfo, cid: str) -> None:
        self.publisher = publisher
        self.info = info
        self.kind = "audio" if info.type == TrackType.AUDIO else "video"
        self.cids = {cid: _codec_name(info.mime_type)}
        self.uplink: Uplink | None = None
        self.backup: Uplink | None = None
        self.is_regressed = False
        self.subscriptions: dict[str, Subscription] = {}
        self.announced: dict[str, int] = {}
        self.lower_at: float | None = None
        self.told_at = 0.0
        self.repeats = 0
        self.is_held_back = False
        self.silenced_at = 0.0

    @property
    def sid(self) -> str:
        """The track's identifier."""
        return self.info.sid

    @property
    def is_published(self) -> bool:
        """Whether its media has been negotiated."""
        return self.uplink is not None

    @property
    def first_codec(self) -> str:
        """The name of the first codec, or nothing."""
        return next(iter(self.cids.values()))

    @property
    def backup_codec(self) -> str:
        """The name of the second codec, or nothing."""
        return _codec_name(self.info.codecs[1].mime_type) if len(self.info.codecs) > 1 else ""

    @property
    def is_opaque(self) -> bool:
        """Whether its frames are encrypted, or carry more than the codec's own bytes: nobody between can join them."""
        return self.info.encryption != Encryption.NONE or bool(self.info.packet_trailer_features)

    @property
    def is_stereo(self) -> bool:
        """Whether its sound has two channels."""
        return AudioTrackFeature.TF_STEREO in self.info.audio_features

    def is_allowed(self, identity: str) -> bool:
        """Whether the publisher lets this participant subscribe."""
        return self.publisher.audience.permits(identity, self.sid)

    def layer_for(self, wishes: Wishes) -> int:
        """The layer that serves these wishes: the smallest that fills the size, else the quality named."""
        highest = int(VideoQuality.HIGH)
        if not wishes.width and not wishes.height:
            return min(max(int(wishes.quality), 0), highest)
        for index, layer in enumerate(sorted(self.info.layers, key=lambda layer: layer.width)):
            if layer.width >= wishes.width and layer.height >= wishes.height:
                return min(index, highest)
        return highest

    def set_muted(self, *, muted: bool) -> None:
        """Stop or go on forwarding, whatever the codec."""
        for uplink in (self.uplink, self.backup):
            if uplink is not None:
                uplink.set_muted(muted)


def _codec_name(mime_type: str) -> str:
    return mime_type.partition("/")[2].lower()
