"""The loads: who sends how much to whom."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Load:
    """Rooms alike; in each, publishers who also see each other, and viewers who publish nothing."""

    name: str
    text: str
    rooms: int
    publishers: int
    viewers: int = 0
    video_bps: int = 0
    audio: bool = False
    at_once: bool = False
    """Measured on all servers at the same time: it leaves most of a core idle, and is nearly all wake-ups."""

    @property
    def participants(self) -> int:
        """Everybody, in all rooms."""
        return self.rooms * (self.publishers + self.viewers)

    @property
    def forwards(self) -> bool:
        """Whether any packet goes through."""
        return self.publishers > 0


def _visits(rooms: int) -> Load:
    text = f"{rooms} visit{'s' * (rooms > 1)} of two, 1.2 Mbit/s + audio each way"
    return Load(f"visits-{rooms}", text, rooms, 2, video_bps=1_200_000, audio=True, at_once=rooms == 1)


def _lecture(viewers: int) -> Load:
    return Load(f"lecture-{viewers}", f"a lecture 1 → {viewers}, 3 Mbit/s", 1, 1, viewers, video_bps=3_000_000)


def _mesh(people: int) -> Load:
    text = f"a mesh of {people}, 1.5 Mbit/s + audio"
    return Load(f"mesh-{people}", text, 1, people, video_bps=1_500_000, audio=True)


LOADS = (
    *(_visits(rooms) for rooms in (1, 10, 25)),
    *(_lecture(viewers) for viewers in (8, 24, 100)),
    *(_mesh(people) for people in (6, 10)),
    Load("audio-25", "25 visits of two, audio only", 25, 2, audio=True),
    Load("crowd-10", "10 people in one room, nothing published", 1, 0, 10),
    Load("crowd-50", "50 people in one room, nothing published", 1, 0, 50),
    Load("rooms-10", "10 rooms of one, nothing published", 10, 0, 1),
    Load("rooms-50", "50 rooms of one, nothing published", 50, 0, 1),
)
