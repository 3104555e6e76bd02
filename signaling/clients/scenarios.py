"""SimulateScenario: troubles that the SDKs ask for to try themselves; none touches anybody but the asker."""

from __future__ import annotations

from collections.abc import Callable

from livekit.protocol.models import DisconnectReason, SpeakerInfo
from livekit.protocol.rtc import LeaveRequest, SignalResponse, SimulateScenario, SpeakersChanged

from signaling.rooms.participants import Participant

End = Callable[[Participant, DisconnectReason, LeaveRequest.Action], None]

SILENT_CUTS = 3
"""Comebacks refused without a word, as many as LiveKit refuses: clients try again by themselves."""
SPOKEN_LEVEL = 0.9


def play(participant: Participant, request: SimulateScenario, end: End) -> None:
    """Do to the asker what was asked for; `end` takes a participant out."""
    scenario = request.WhichOneof("scenario")
    if scenario == "subscriber_bandwidth" and participant.receiver is not None:
        participant.receiver.peer.link.forced_limit_bps = request.subscriber_bandwidth or None
    elif scenario == "speaker_update" and not participant.is_hidden:
        _speak(participant)
    elif scenario in ("node_failure", "migration"):
        _vanish(participant, end)
    elif scenario == "server_leave":
        end(participant, DisconnectReason.SERVER_SHUTDOWN, LeaveRequest.DISCONNECT)
    elif scenario == "leave_request_full_reconnect":
        leave = LeaveRequest(action=LeaveRequest.RECONNECT, can_reconnect=True)
        participant.send(SignalResponse(leave=leave))
    elif scenario == "disconnect_signal_on_resume":
        participant.comebacks_to_cut = 1
    elif scenario == "disconnect_signal_on_resume_no_messages":
        participant.comebacks_to_refuse = SILENT_CUTS


def _speak(participant: Participant) -> None:
    """Until the clock next looks who speaks, which then tells that it was nothing."""
    participant.told_levels[participant.sid] = SPOKEN_LEVEL
    speaker = SpeakerInfo(sid=participant.sid, level=SPOKEN_LEVEL, active=True)
    participant.send(SignalResponse(speakers_changed=SpeakersChanged(speakers=[speaker])))


def _vanish(participant: Participant, end: End) -> None:
    """Lose the participant as a dying server would: no goodbye, and nothing known of it afterwards."""
    signal, participant.signal = participant.signal, None
    if signal is not None:
        signal.finish()
    end(participant, DisconnectReason.SERVER_SHUTDOWN, LeaveRequest.RECONNECT)
