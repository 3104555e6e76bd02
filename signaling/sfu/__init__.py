"""The forwarding unit: packets in, packets out, never decoded."""

from signaling import compiled

if (folder := compiled.folder()) is not None:
    __path__.insert(0, str(folder))
