"""How good a participant's connection is, from what was lost and how long the way takes (pure)."""

from __future__ import annotations

from livekit.protocol.models import ConnectionQuality

BEST_SCORE = 4.5
EXCELLENT_SCORE = 4.1
GOOD_SCORE = 3.0
STARVED_SCORE = 2.0
"""At most, where pictures had to give way, however well the sound goes."""


def score(loss: float, rtt_seconds: float) -> float:
    """A mean opinion score from 1 to 4.5 by the E-model (ITU-T G.107) for Opus; `loss` from 0 to 1."""
    delay_ms = rtt_seconds * 500 + 30
    impairment = 0.024 * delay_ms + 0.11 * max(0.0, delay_ms - 177.3)
    impairment += 95 * loss / (loss + 0.10) if loss > 0 else 0
    rating = max(0.0, 93.2 - impairment)
    return max(1.0, 1 + 0.035 * rating + 7e-6 * rating * (rating - 60) * (100 - rating))


def rate(loss: float, rtt_seconds: float, *, is_starved: bool = False) -> tuple[ConnectionQuality, float]:
    """LiveKit's word for a score, and the score; `is_starved` where the link has no room for pictures."""
    found = min(score(loss, rtt_seconds), STARVED_SCORE if is_starved else BEST_SCORE)
    if found >= EXCELLENT_SCORE:
        return ConnectionQuality.EXCELLENT, found
    return (ConnectionQuality.GOOD if found >= GOOD_SCORE else ConnectionQuality.POOR), found
