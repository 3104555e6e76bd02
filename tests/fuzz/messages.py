"""Any protobuf message of a kind: each field present or not, with whatever its type can hold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from hypothesis import strategies as st

Draw = Callable[[st.SearchStrategy[Any]], Any]

DEPTH = 3
_TEXTS = st.one_of(
    st.sampled_from(["", "amina", "visit", "cid-1", "TR_1", "TR_0", "audio.ptime", "60", "²"]), st.text(max_size=20)
)
_NUMBERS = {
    FieldDescriptor.CPPTYPE_INT32: st.integers(-(1 << 31), (1 << 31) - 1),
    FieldDescriptor.CPPTYPE_INT64: st.integers(-(1 << 63), (1 << 63) - 1),
    FieldDescriptor.CPPTYPE_UINT32: st.integers(0, (1 << 32) - 1),
    FieldDescriptor.CPPTYPE_UINT64: st.integers(0, (1 << 64) - 1),
    FieldDescriptor.CPPTYPE_ENUM: st.integers(-1, 12),
    FieldDescriptor.CPPTYPE_BOOL: st.booleans(),
    FieldDescriptor.CPPTYPE_DOUBLE: st.floats(),
    FieldDescriptor.CPPTYPE_FLOAT: st.floats(width=32),
}


def fill(draw: Draw, message: Message, depth: int = DEPTH) -> None:
    """Set some of a message's fields."""
    fields = message.DESCRIPTOR.fields
    for index in draw(st.sets(st.integers(0, len(fields) - 1), max_size=5)) if fields else ():
        put(draw, message, fields[index], depth)


def put(draw: Draw, message: Message, field: FieldDescriptor, depth: int = DEPTH) -> None:
    """Set one field."""
    kind: Descriptor | None = field.message_type
    if kind is not None and kind.GetOptions().map_entry:
        if kind.fields_by_name["value"].message_type is None:
            getattr(message, field.name)[_scalar(draw, kind.fields[0])] = _scalar(draw, kind.fields[1])
    elif kind is not None:
        if depth:
            _fill_inner(draw, message, field, depth - 1)
    elif field.is_repeated:
        getattr(message, field.name).extend(_scalar(draw, field) for _ in range(draw(st.integers(0, 3))))
    else:
        setattr(message, field.name, _scalar(draw, field))


def _fill_inner(draw: Draw, message: Message, field: FieldDescriptor, depth: int) -> None:
    inner = getattr(message, field.name)
    if field.is_repeated:
        for _ in range(draw(st.integers(1, 3))):
            fill(draw, inner.add(), depth)
    else:
        inner.SetInParent()
        fill(draw, inner, depth)


def _scalar(draw: Draw, field: FieldDescriptor) -> Any:
    if field.type == FieldDescriptor.TYPE_BYTES:
        return draw(st.binary(max_size=20))
    if field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
        return draw(_TEXTS)
    return draw(_NUMBERS[field.cpp_type])
