"""Links as people have them, from measured mobile networks."""

from __future__ import annotations

from dataclasses import dataclass

from tests.networks.link import Shape


@dataclass(frozen=True, slots=True)
class Profile:
    """Both directions of a link, as the phone behind it sees them."""

    down: Shape
    up: Shape


def _mobile(
    down_kbps: float, up_kbps: float, delay_ms: float, jitter_ms: float, loss: float, burst: float, queue_ms: float
) -> Profile:
    down, up = (
        Shape(kbps * 1000, delay_ms / 1000, jitter_ms / 1000, loss, burst, queue_ms / 1000)
        for kbps in (down_kbps, up_kbps)
    )
    return Profile(down, up)


PROFILES = {
    "gprs": _mobile(40, 20, 350, 100, 0.02, 2, 3000),
    "edge": _mobile(120, 60, 250, 60, 0.015, 2, 2500),
    "slow3g": _mobile(400, 200, 150, 40, 0.01, 2, 1500),
    "3g": _mobile(1600, 750, 75, 20, 0.005, 1, 800),
    "lossy4g": _mobile(8000, 3000, 40, 25, 0.05, 3, 400),
    "5g": _mobile(60000, 20000, 10, 2, 0.0001, 1, 150),
    # Not measured: a link that is wide, and the same while it is narrow for the one behind it.
    "wide": _mobile(3000, 3000, 40, 5, 0, 1, 500),
    "dip": _mobile(150, 3000, 40, 5, 0, 1, 500),
    "open": Profile(Shape(), Shape()),
}
