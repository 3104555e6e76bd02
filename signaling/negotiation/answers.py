"""What we say to each section of a client's offer (pure; RFC 3264, RFC 8829)."""

from __future__ import annotations

from signaling.sfu.formats import codecs, rtp
from signaling.sfu.formats.sdp import Codec, Section

FEEDBACK = ("transport-cc", "nack", "nack pli", "ccm fir")
FEEDBACK_TO_SENDERS = (*FEEDBACK, "goog-remb")
DATA_KINDS = ("application",)

_ALWAYS = (rtp.MID, rtp.RID, rtp.REPAIRED_RID, rtp.TRANSPORT_CC, rtp.ABS_CAPTURE_TIME)
"""Echoed on every section, unused ones too: libwebrtc fails later when one section of a bundle lacks them."""


def accept_codecs(section: Section, preferred: str = "") -> list[Codec]:
    """The offered codecs we take, `preferred` first, each with the feedback both sides know."""
    supported = [codec for codec in section.codecs if codecs.is_supported(codec, section.kind)]
    chosen = [codec for codec in supported if codec.mime_type != "rtx"]
    chosen.sort(key=lambda codec: codec.mime_type != preferred if preferred else False)
    known = FEEDBACK_TO_SENDERS if section.direction == "sendonly" else FEEDBACK
    kept = {codec.payload_type for codec in chosen}
    chosen += [codec for codec in supported if codec.mime_type == "rtx" and codec.apt in kept]
    return [
        Codec(
            codec.payload_type,
            codec.name,
            codec.clock_rate,
            codec.channels,
            codec.fmtp,
            tuple(f for f in codec.feedback if f in known),
        )
        for codec in chosen
    ]


def accept_extensions(section: Section, *, descriptor: bool) -> dict[int, str]:
    """The offered header extensions we use; the dependency descriptor only where something reads it.

    Sound that is only sent goes without transport-wide numbers, as to LiveKit's server. A browser looks for a growing
    queue in the last twenty groups of packets that have one: of pictures these span a second, and with sound between
    them a third of that, in which a radio's jitter hides the queue.
    """
    wanted = {*_ALWAYS, rtp.AUDIO_LEVEL if section.kind == "audio" else rtp.PLAYOUT_DELAY}
    if descriptor:
        wanted.add(rtp.DEPENDENCY_DESCRIPTOR)
    if section.kind == "audio" and section.direction == "sendonly":
        wanted.discard(rtp.TRANSPORT_CC)
    return {number: uri for number, uri in section.extensions.items() if uri in wanted}


def by_uri(extensions: dict[int, str]) -> dict[str, int]:
    """The same ids, found by name."""
    return {uri: number for number, uri in extensions.items()}


def primary(accepted: list[Codec], preferred: str = "") -> Codec | None:
    """The codec a track is named after: not RED, which wraps Opus, and not rtx."""
    real = [codec for codec in accepted if codec.mime_type not in ("red", "rtx")]
    return next((codec for codec in real if codec.mime_type == preferred), real[0] if real else None)
