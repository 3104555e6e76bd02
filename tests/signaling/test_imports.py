"""Nothing is decoded: what could decode is in libraries that the media server does not reach for."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import signaling

OF_AIORTC = (
    "aiortc.RTCCertificate",
    "aiortc.RTCDataChannel",
    "aiortc.rtcdtlstransport.",
    "aiortc.rtcsctptransport",
)
"""Keys and data channels. Its decoders are in aiortc.codecs, its jitter buffer in aiortc.rtcrtpreceiver."""
DECODERS = ("av", "numpy", "PIL", "cv2")


def imported() -> Iterator[str]:
    for path in Path(signaling.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_the_media_server_reaches_for_no_decoder() -> None:
    names = set(imported())
    assert names
    assert not [name for name in names if name.split(".")[0] in DECODERS]
    of_aiortc = {name for name in names if name.split(".")[0] == "aiortc"}
    assert of_aiortc
    assert not [name for name in of_aiortc if not name.startswith(OF_AIORTC)]


def test_without_metrics_their_library_takes_no_memory() -> None:
    look = "import sys, signaling.app; sys.exit('prometheus_client' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", look], check=False).returncode == 0
