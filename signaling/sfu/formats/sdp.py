"""Session descriptions: reading what a client sends, writing what we answer or offer (RFC 8829, RFC 9429)."""

from __future__ import annotations

from collections.abc import Sized
from dataclasses import dataclass, field

MAX_LENGTH = 256 * 1024
MAX_SECTIONS = 256
MAX_CODECS = 128
"""Of a section: there are no more payload types. The other bounds are several times what browsers write."""
MAX_FEEDBACK = 16
MAX_SSRCS = 64
MAX_GROUPS = 32
MAX_MEMBERS = 8
MAX_RIDS = 8
MAX_FINGERPRINTS = 8
MAX_FMTP_LENGTH = 1024
MAX_CLOCK_RATE = 1_000_000
MAX_PTIME_MS = 1_000
EXTENSION_IDS = range(1, 256)
"""Ids that a header can carry (RFC 8285 §4.3)."""
SENDING = ("sendonly", "sendrecv")
RECEIVING = ("recvonly", "sendrecv")


@dataclass(frozen=True, slots=True)
class Codec:
    """One payload type of a section; `name` as registered, `fmtp` as sent."""

    payload_type: int
    name: str
    clock_rate: int
    channels: int = 1
    fmtp: str = ""
    feedback: tuple[str, ...] = ()

    @property
    def mime_type(self) -> str:
        """The name alone in lower case; audio and video names never clash."""
        return self.name.lower()

    @property
    def parameters(self) -> dict[str, str]:
        """The format parameters, keys in lower case."""
        pairs = (part.partition("=") for part in self.fmtp.split(";") if part.strip())
        return {key.strip().lower(): value.strip() for key, _, value in pairs}

    @property
    def apt(self) -> int | None:
        """For rtx: the payload type that it repairs."""
        value = self.parameters.get("apt", "")
        return int(value) if value.isdecimal() and len(value) <= 3 else None


@dataclass(slots=True)
class Section:
    """One m= section. `msid` is (stream id, track id); `rids` those that its sender sends.

    `ptime_ms` is how much sound its sender would like in each packet sent to it; 0 says nothing.
    """

    kind: str
    mid: str
    direction: str = "sendrecv"
    port: int = 9
    protocol: str = "UDP/TLS/RTP/SAVPF"
    formats: list[str] = field(default_factory=list)
    codecs: list[Codec] = field(default_factory=list)
    extensions: dict[int, str] = field(default_factory=dict)
    msid: tuple[str, str] | None = None
    rids: list[str] = field(default_factory=list)
    ssrcs: list[int] = field(default_factory=list)
    ssrc_groups: list[tuple[str, list[int]]] = field(default_factory=list)
    cname: str = ""
    sctp_port: int = 0
    ptime_ms: int = 0
    is_bundle_only: bool = False

    @property
    def is_rejected(self) -> bool:
        """Whether it is out of use; one that is wanted in the bundle alone has no port of its own either (RFC 9143)."""
        return self.port == 0 and not self.is_bundle_only

    @property
    def repairs(self) -> dict[int, int]:
        """Repair SSRC → the SSRC it repairs, from the FID groups."""
        return {group[1]: group[0] for name, group in self.ssrc_groups if name == "FID" and len(group) == 2}


@dataclass(slots=True)
class Description:
    """A whole description; credentials and fingerprint are the same in every section of a bundle."""

    sections: list[Section] = field(default_factory=list)
    ice_ufrag: str = ""
    ice_pwd: str = ""
    fingerprints: list[tuple[str, str]] = field(default_factory=list)
    setup: str = ""
    candidates: list[str] = field(default_factory=list)
    is_lite: bool = False


def parse(text: str) -> Description:
    """Read a description. Raises ValueError when it is too long or a line makes no sense."""
    if len(text) > MAX_LENGTH:
        raise ValueError("description too long")
    description = Description()
    section: Section | None = None
    later: list[tuple[Section, str, str]] = []
    for line in text.replace("\r\n", "\n").split("\n"):
        if line.startswith("m="):
            if len(description.sections) >= MAX_SECTIONS:
                raise ValueError("too many media sections")
            section = _parse_media(line[2:])
            description.sections.append(section)
        elif line.startswith("a="):
            name, _, value = line[2:].partition(":")
            if section is not None and name in _LATER_NAMES:
                later.append((section, name, value))
                continue
            try:
                if section is None:
                    _parse_session_attribute(description, name, value)
                else:
                    _parse_attribute(section, name, value)
            except (IndexError, ValueError) as problem:
                raise ValueError(f"cannot read attribute {name[:40]}") from problem
    for section, name, value in later:
        _parse_later_attribute(description, section, name, value)
    return description


def _parse_media(value: str) -> Section:
    parts = value.split()
    if len(parts) < 3 or not parts[1].isdecimal():
        raise ValueError("cannot read m= line")
    return Section(kind=parts[0], mid="", port=_number(parts[1], 0xFFFF), protocol=parts[2], formats=parts[3:])


def _number(text: str, highest: int, lowest: int = 0) -> int:
    if not text.isdecimal() or len(text) > 10:
        raise ValueError("not a number")
    number = int(text)
    if not lowest <= number <= highest:
        raise ValueError("number out of range")
    return number


def _require_space(found: Sized, limit: int) -> None:
    if len(found) >= limit:
        raise ValueError("too many")


_CODEC_NAMES = {"fmtp", "rtcp-fb"}
_LATER_NAMES = {"ice-ufrag", "ice-pwd", "fingerprint", "setup", "candidate", "ice-lite", *_CODEC_NAMES}
"""What is read once the rest of its section is known. Firefox writes attributes in the order of their names, and so
those of a codec before the codec; and a section that is out of use says nothing of the connection."""


def _parse_later_attribute(description: Description, section: Section, name: str, value: str) -> None:
    if name in _CODEC_NAMES:
        _parse_codec_attribute(section, name, value)
    elif not section.is_rejected:
        _parse_session_attribute(description, name, value)


def _parse_session_attribute(description: Description, name: str, value: str) -> None:
    if name == "ice-ufrag":
        description.ice_ufrag = value
    elif name == "ice-pwd":
        description.ice_pwd = value
    elif name == "fingerprint":
        algorithm, _, digest = value.partition(" ")
        if (algorithm, digest) not in description.fingerprints:
            _require_space(description.fingerprints, MAX_FINGERPRINTS)
            description.fingerprints.append((algorithm, digest))
    elif name == "setup":
        description.setup = value
    elif name == "ice-lite":
        description.is_lite = True


def _parse_attribute(section: Section, name: str, value: str) -> None:
    if name == "rtpmap":
        _require_space(section.codecs, MAX_CODECS)
        section.codecs.append(_parse_rtpmap(value))
    elif name in ("sendrecv", "sendonly", "recvonly", "inactive"):
        section.direction = name
    elif name == "bundle-only":
        section.is_bundle_only = True
    elif name == "mid":
        section.mid = value
    elif name == "extmap":
        number, uri = value.split()[:2]
        identifier = _number(number.partition("/")[0], 0xFFFF)
        if identifier in EXTENSION_IDS:
            section.extensions[identifier] = uri
    elif name == "msid":
        stream, _, track = value.partition(" ")
        section.msid = (stream, track.split(" ")[0])
    elif name == "rid":
        rid, direction = value.split()[:2]
        if direction == "send" and rid not in section.rids:
            _require_space(section.rids, MAX_RIDS)
            section.rids.append(rid)
    elif name == "ssrc":
        _parse_ssrc(section, value)
    elif name == "ssrc-group":
        semantics, *members = value.split(maxsplit=MAX_MEMBERS)
        _require_space(section.ssrc_groups, MAX_GROUPS)
        section.ssrc_groups.append((semantics, [_number(member, 0xFFFFFFFF) for member in members]))
    elif name == "sctp-port":
        section.sctp_port = _number(value, 0xFFFF)
    elif name == "ptime":
        section.ptime_ms = _number(value, MAX_PTIME_MS)


def _parse_rtpmap(value: str) -> Codec:
    payload_type, encoding = value.split()[:2]
    name, rate, *channels = encoding.split("/")
    return Codec(
        _number(payload_type, 127),
        name,
        _number(rate, MAX_CLOCK_RATE, lowest=1),
        _number(channels[0], 255, lowest=1) if channels else 1,
    )


def _parse_codec_attribute(section: Section, name: str, value: str) -> None:
    """Half of a browser's offer is such lines, and a client waits for each answer: hence no `replace`."""
    payload_type, _, rest = value.partition(" ")
    if payload_type == "*":
        meant = list(range(len(section.codecs)))
    elif payload_type.isdecimal() and len(payload_type) <= 3:
        number = int(payload_type)
        meant = [index for index, codec in enumerate(section.codecs) if codec.payload_type == number]
    else:
        return
    for index in meant:
        old = section.codecs[index]
        fmtp, feedback = old.fmtp, old.feedback
        if name == "fmtp":
            fmtp = rest[:MAX_FMTP_LENGTH]
        elif len(feedback) < MAX_FEEDBACK:
            feedback = (*feedback, rest)
        section.codecs[index] = Codec(old.payload_type, old.name, old.clock_rate, old.channels, fmtp, feedback)


def _parse_ssrc(section: Section, value: str) -> None:
    number, _, attribute = value.partition(" ")
    ssrc = _number(number, 0xFFFFFFFF)
    if ssrc not in section.ssrcs:
        _require_space(section.ssrcs, MAX_SSRCS)
        section.ssrcs.append(ssrc)
    if attribute.startswith("msid:") and section.msid is None:
        stream, _, track = attribute[5:].partition(" ")
        section.msid = (stream, track.split(" ")[0])


def write(description: Description) -> str:
    """Write a bundled description with our candidates in every section."""
    mids = [section.mid for section in description.sections if section.port]
    lines = ["v=0", "o=- 1 2 IN IP4 127.0.0.1", "s=-", "t=0 0"]
    if description.is_lite:
        lines.append("a=ice-lite")
    lines += [f"a=group:BUNDLE {' '.join(mids)}", "a=extmap-allow-mixed", "a=msid-semantic: WMS *"]
    lines += [f"a=fingerprint:{algorithm} {digest}" for algorithm, digest in description.fingerprints]
    for section in description.sections:
        lines += _write_section(description, section)
    return "\r\n".join(lines) + "\r\n"


def _write_section(description: Description, section: Section) -> list[str]:
    if section.kind == "application":
        formats = ["webrtc-datachannel"]
    else:
        formats = [str(codec.payload_type) for codec in section.codecs] or section.formats
    lines = [
        f"m={section.kind} {section.port} {section.protocol} {' '.join(formats)}",
        "c=IN IP4 0.0.0.0",
        f"a=mid:{section.mid}",
    ]
    if not section.port:
        return [*lines, "a=inactive"]
    lines += [
        f"a=ice-ufrag:{description.ice_ufrag}",
        f"a=ice-pwd:{description.ice_pwd}",
        f"a=setup:{description.setup}",
        *(f"a=candidate:{candidate}" for candidate in description.candidates),
        "a=end-of-candidates",
    ]
    if section.kind == "application":
        return [*lines, f"a=sctp-port:{section.sctp_port or 5000}", "a=max-message-size:262144"]
    lines += [f"a={section.direction}", "a=rtcp-mux", "a=rtcp-rsize"]
    lines += [f"a=extmap:{number} {uri}" for number, uri in section.extensions.items()]
    for codec in section.codecs:
        lines += _write_codec(codec)
    if section.ptime_ms:
        lines += [f"a=ptime:{section.ptime_ms}", f"a=maxptime:{section.ptime_ms}"]
    if section.rids:
        lines += [f"a=rid:{rid} recv" for rid in section.rids]
        lines.append(f"a=simulcast:recv {';'.join(section.rids)}")
    return lines + _write_sender(section)


def _write_codec(codec: Codec) -> list[str]:
    channels = f"/{codec.channels}" if codec.channels > 1 else ""
    lines = [f"a=rtpmap:{codec.payload_type} {codec.name}/{codec.clock_rate}{channels}"]
    lines += [f"a=rtcp-fb:{codec.payload_type} {feedback}" for feedback in codec.feedback]
    if codec.fmtp:
        lines.append(f"a=fmtp:{codec.payload_type} {codec.fmtp}")
    return lines


def _write_sender(section: Section) -> list[str]:
    if section.msid is None or section.direction not in SENDING:
        return []
    stream, track = section.msid
    lines = [f"a=msid:{stream} {track}"]
    lines += [f"a=ssrc-group:{name} {' '.join(map(str, members))}" for name, members in section.ssrc_groups]
    for ssrc in section.ssrcs:
        lines += [f"a=ssrc:{ssrc} cname:{section.cname}", f"a=ssrc:{ssrc} msid:{stream} {track}"]
    return lines
