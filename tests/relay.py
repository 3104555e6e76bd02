"""A TCP relay before a node: it can stop an exchange between nodes at one point, and keeps what passed between them."""

import asyncio
import re
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, Literal

BETWEEN_NODES = re.compile(rb"(?:GET|POST) /federation/v1/")
STEP = re.compile(rb"POST /federation/v1/appointments/\w+/(\w+) ")


@dataclass
class Gate:
    """Where to stop: the request is not passed on, or its answer is not."""

    step: str
    at: Literal["request", "answer"]
    reached: asyncio.Event = field(default_factory=asyncio.Event)


class Relay:
    """Listens on a port of its own and passes everything on, until a gate stops it."""

    def __init__(self) -> None:
        self.between_nodes = bytearray()
        self._onward = 0
        self._gate: Gate | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def start(self, port: int, *, onward: int) -> None:
        """Begin to listen on `port` and pass on to `onward`, both of loopback."""
        self._onward = onward
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port)

    async def stop(self) -> None:
        """Cut every connection and listen no more."""
        if self._server is not None:
            self._server.close()
        await self.cut()

    def stop_at(self, step: str, at: Literal["request", "answer"]) -> Gate:
        """Arm the gate; the next such exchange stops there and stays."""
        self._gate = Gate(step, at)
        return self._gate

    async def cut(self) -> None:
        """Take the gate away and close every connection, so that whoever waits tries anew."""
        self._gate = None
        connections = list(self._connections)
        for connection in connections:
            connection.cancel()
        await asyncio.gather(*connections, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            onward_reader, onward_writer = await asyncio.open_connection("127.0.0.1", self._onward)
        except OSError:
            self._connections.discard(task)
            writer.close()
            return
        exchange = _Exchange(self)
        try:
            await _first_done(
                exchange.requests(reader, onward_writer),
                exchange.answers(onward_reader, writer),
            )
        finally:
            self._connections.discard(task)
            for one in (writer, onward_writer):
                one.close()

    def gate_for(self, data: bytes) -> Gate | None:
        """The armed gate, if this request is the one it waits for."""
        step = STEP.match(data)
        if self._gate is not None and step is not None and step[1].decode() == self._gate.step:
            return self._gate
        return None


class _Exchange:
    """One connection; what a node asks comes one request after the other."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self._is_between_nodes = False
        self._gate: Gate | None = None

    async def requests(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            self._is_between_nodes = self._is_between_nodes or BETWEEN_NODES.match(data) is not None
            self._keep(data)
            if (gate := self._relay.gate_for(data)) is not None:
                self._gate = gate
                if gate.at == "request":
                    await self._stay(gate)
            writer.write(data)
            await writer.drain()

    async def answers(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            self._keep(data)
            if self._gate is not None:
                await self._stay(self._gate)
            writer.write(data)
            await writer.drain()

    def _keep(self, data: bytes) -> None:
        if self._is_between_nodes:
            self._relay.between_nodes += data

    async def _stay(self, gate: Gate) -> None:
        gate.reached.set()
        await asyncio.Event().wait()


async def _first_done(*pumps: Coroutine[Any, Any, None]) -> None:
    tasks = [asyncio.create_task(pump) for pump in pumps]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
