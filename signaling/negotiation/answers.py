"""What we say to each section of a client's offer (pure; RFC 3264, RFC 8829)."""

from __future__ import annotations

from dataclasses import dataclass

from signaling.sfu.formats import codecs, rtp
from signaling.sfu.formats.sdp import SENDING, Codec, Section

FEEDBACK = ("transport-cc", "nack", "nack pli", "ccm fir")
FEEDBACK_TO_SENDERS = (*FEEDBACK, "goog-remb")
DATA_KINDS = ("application",)

_ALWAYS = (rtp.MID, rtp.RID, rtp.REPAIRED_RID, rtp.TRANSPORT_CC, rtp.ABS_CAPTURE_TIME)
"""Echoed on every section, unused ones too: libwebrtc fails later when one section of a bundle lacks them."""


STEREO_BPS = 510_000
"""The most that Opus can take (RFC 7587 §6.1): music is for its publisher to bound."""


@dataclass(frozen=True, slots=True)
class Intent:
    """How a publisher means to send a track, by what it announced; None and nothing leave it to the client."""

    codec: str = ""
    dtx: bool | None = None
    stereo: bool | None = None


UNKNOWN = Intent()
"""Of a section that nothing was announced for, or that sends nothing."""


def accept_codecs(section: Section, intent: Intent = UNKNOWN) -> list[Codec]:
    """The offered codecs we take, the intended one first, each with the feedback both sides know."""
    preferred = intent.codec
    supported = [codec for codec in section.codecs if codecs.is_supported(codec, section.kind)]
    chosen = [codec for codec in supported if codec.mime_type != "rtx"]
    if section.direction in SENDING:
        chosen = _without_high_profile(chosen)
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
            _parameters(codec, intent),
            tuple(f for f in codec.feedback if f in known),
        )
        for codec in chosen
    ]


def _without_high_profile(chosen: list[Codec]) -> list[Codec]:
    """Of H264 only what everybody can receive, as LiveKit's server takes it; Safari names the High profile first."""
    others = [codec for codec in chosen if codec.mime_type != "h264" or codecs.h264_profile(codec) != codecs.H264_HIGH]
    return others if any(codec.mime_type == "h264" for codec in others) else chosen


def _parameters(codec: Codec, intent: Intent) -> str:
    """The format parameters that we answer with: of Opus, those that tell its encoder how to send.

    A browser leaves silence out (DTX) and sends both channels only where it is told so, as LiveKit's server tells it.
    It offers `stereo=1` of its own for what it receives; said back, it would have a voice encoded twice.
    """
    if codec.mime_type != "opus" or intent.dtx is None:
        return codec.fmtp
    said = {key: value for key, value in codec.parameters.items() if key not in ("usedtx", "stereo")}
    if intent.dtx:
        said["usedtx"] = "1"
    if intent.stereo:
        said |= {"stereo": "1", "maxaveragebitrate": str(STEREO_BPS)}
    return ";".join(f"{key}={value}" if value else key for key, value in said.items())


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
