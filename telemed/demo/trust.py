"""Signs the demo's trust list, as an operator would offline, and lays a copy in each node's folder."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path

from telemed.config import Settings
from telemed.demo.prepare import root_key
from telemed.federation import trust_list
from telemed.federation.keys import SigningKey
from telemed.federation.trust_list import TrustedNode, TrustList, TrustListRefused
from telemed.files import write_whole

LIFE = timedelta(days=90)
RENEWED_BEFORE = timedelta(days=30)
"""A list that ends sooner than this is signed anew."""


def lay_out(var: Path, nodes: Iterable[Settings], now: datetime) -> None:
    """See to it that every node has the list that names all of them; one that is near its end gets a successor."""
    nodes, root = tuple(nodes), root_key(var)
    kept = var / "root" / "trust-list.jws"
    wanted = tuple(_trusted(node) for node in nodes)
    present = _present(kept, root, now)
    if present is None or present.nodes != wanted or present.expires_at - now < RENEWED_BEFORE:
        version = max(_last_version(kept.with_suffix(".version")), present.version if present else 0) + 1
        write_whole(kept.with_suffix(".version"), str(version))
        write_whole(kept, trust_list.sign(trust_list.make(wanted, version=version, now=now, life=LIFE), root))
    text = kept.read_text(encoding="utf-8")
    for node in nodes:
        write_whole(node.path(node.trust_list), text)


def _trusted(node: Settings) -> TrustedNode:
    key = SigningKey.open(node.path(node.signing_key))
    return TrustedNode(id=node.node, jurisdiction=node.jurisdiction, origin=node.origin, keys=(key.public,))


def _present(path: Path, root: SigningKey, now: datetime) -> TrustList | None:
    try:
        return trust_list.verify(path.read_text(encoding="utf-8"), root=root.public, now=now)
    except (OSError, TrustListRefused):
        return None


def _last_version(path: Path) -> int:
    # Beside the list: an expired one is not read, and its successor must still be higher.
    return int(path.read_text(encoding="utf-8")) if path.exists() else 0
