"""Who did something, as the audit chain names them: {kind, node, id, name}; pure."""

from collections.abc import Mapping
from typing import Any


def doctor(entry: Mapping[str, Any]) -> dict[str, Any]:
    """A doctor, by the public entry of their directory."""
    return {"kind": "doctor", "node": entry["node"], "id": entry["id"], "name": entry["name"]}


def patient(node: str, audit_handle: str) -> dict[str, Any]:
    """A patient of this node: the handle that can be erased, and no name."""
    return {"kind": "patient", "node": node, "id": audit_handle, "name": None}


def node(node_id: str) -> dict[str, Any]:
    """The node itself, when a time has come."""
    return {"kind": "node", "node": node_id, "id": node_id, "name": None}
