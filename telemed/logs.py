"""A node's logs, in the JSON lines that its media server writes too."""

import logging
import sys

from signaling.operation.logs import JsonLines, is_news


def to_stdout() -> None:
    """Send every log of this process to standard output."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonLines("telemed", "signaling"))
    handler.addFilter(is_news)
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.captureWarnings(capture=True)
    logging.getLogger("alembic").setLevel(logging.WARNING)
