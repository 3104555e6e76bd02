"""`python -m tests.fuzz.guided TARGET [-max_total_time=60 ...]`: the same targets, led by coverage (Atheris)."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["signaling", "joserfc"]):
    from tests.fuzz import seeds, targets


def main() -> None:
    """Run one target from its seeds; a finding is written to the present folder and ends the run."""
    name, *options = sys.argv[1:]
    with tempfile.TemporaryDirectory() as corpus:
        for number, seed in enumerate(seeds.SEEDS[name]):
            (Path(corpus) / str(number)).write_bytes(seed)
        atheris.Setup([sys.argv[0], corpus, "-rss_limit_mb=1024", "-timeout=5", *options], targets.TARGETS[name])
        atheris.Fuzz()


if __name__ == "__main__":
    main()
