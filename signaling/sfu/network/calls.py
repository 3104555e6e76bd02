"""recvmmsg and sendmmsg: machine code where the media path is, else through cffi's ABI mode, without a compiler."""

from __future__ import annotations

import importlib
from typing import Any

from cffi import FFI

from signaling.compiled import CALLS, CALLS_MODULE


def load() -> Any:
    """Something with both as attributes. Raises AttributeError at their use where the system lacks them."""
    try:
        return importlib.import_module(CALLS_MODULE).lib
    except ImportError:
        ffi = FFI()
        ffi.cdef(CALLS)
        return ffi.dlopen(None)
