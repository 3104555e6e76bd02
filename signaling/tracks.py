"""Published tracks, and who is subscribed to them with what wishes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from livekit.protocol.models import TrackInfo, TrackType, VideoQuality

if TYPE_CHECKING:
    from signaling.participants import Participant
    from signaling.sfu.downlink import Downlink
    from signaling.sfu.uplink import Uplink

DYNACAST_DELAY_SECONDS = 5.0
"""How long nobody must want a layer before its publisher stops it; a resized window should not flicker."""


@dataclass(slots=True)
class Wishes:
    """What a subscriber asked for with UpdateTrackSettings. Width and height 0 mean not said."""

    disabled: bool = False
    quality: int = VideoQuality.HIGH
    width: int = 0
    height: int = 0


@dataclass(slots=True)
class Subscription:
    """One subscriber's side of a track."""

    subscriber: Participant
    track: Track
    downlink: Downlink
    wishes: Wishes

    def apply(self) -> None:
        """Carry the wishes over to the stream."""
        self.downlink.set_paused(self.wishes.disabled)
        self.downlink.target_layer = self.track.layer_for(self.wishes)


class Track:
    """A published track: what clients know of it (`info`) and the media behind it (`uplink`)."""

    def __init__(self, publisher: Participant, info: TrackInfo, cid: str) -> None:
        self.publisher = publisher
        self.info = info
        self.cids = {cid}
        self.uplink: Uplink | None = None
        self.subscriptions: dict[str, Subscription] = {}
        self.announced_quality: int | None = None
        self.lower_at: float | None = None

    @property
    def sid(self) -> str:
        """The track's identifier."""
        return self.info.sid

    @property
    def is_published(self) -> bool:
        """Whether its media has been negotiated."""
        return self.uplink is not None

    @property
    def kind(self) -> str:
        """`audio` or `video`."""
        return "audio" if self.info.type == TrackType.AUDIO else "video"

    def is_allowed(self, identity: str) -> bool:
        """Whether the publisher lets this participant subscribe."""
        return self.publisher.allowance.permits(identity, self.sid)

    def layer_for(self, wishes: Wishes) -> int:
        """The layer that serves these wishes: the smallest that fills the size, else the quality named."""
        if not wishes.width and not wishes.height:
            return int(wishes.quality)
        for index, layer in enumerate(sorted(self.info.layers, key=lambda layer: layer.width)):
            if layer.width >= wishes.width and layer.height >= wishes.height:
                return index
        return int(VideoQuality.HIGH)

    def best_wanted(self) -> int:
        """The best quality that anyone receives now, or OFF."""
        active = [s for s in self.subscriptions.values() if not s.downlink.paused]
        return max((s.downlink.target_layer for s in active), default=int(VideoQuality.OFF))
