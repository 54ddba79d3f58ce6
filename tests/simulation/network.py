"""The fake network: connections whose bytes take a random time, come in random pieces, and are cut at any of them.

Each direction of a connection delivers its bytes in order, like TCP. When a connection is cut, some prefix of what was under
way still arrives (it may end in the middle of a message), and each end learns of it at a moment of its own; what an end writes
before it has learned of it is lost.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from tests.simulation.world import Process, World

Address = tuple[str, int]
_CLOSED: Final = "closed"
_RESET: Final = "reset"
_FIN: Final = b""
"""Stands in a direction's flight for the end of the stream."""


class Weather:
    """How the network behaves in one schedule."""

    def __init__(
        self, usual_us: int = 200, slow_share: float = 0.05, slow_us: int = 20_000, slices: float = 0.1
    ) -> None:
        self.usual_us = usual_us
        self.slow_share = slow_share
        self.slow_us = slow_us
        self.slices = slices
        """The share of writes that arrive in two pieces."""


class End:
    """One end of a connection, and the bytes on their way from here to the other one."""

    peer: "End"

    def __init__(self, network: "Network", process: Process, label: str) -> None:
        self.network = network
        self.process = process
        self.label = label
        self.flight: deque[bytes] = deque()
        self.free_us = 0
        """Nothing written from now on arrives before this."""
        self.inbox: list[bytes] = []
        self.over = ""
        """Why nothing more comes, once that is known here."""
        self.closed = False
        self.cut = False
        """What is written goes nowhere, though this end may not know it yet."""
        self.wake: Callable[[], None] = lambda: None
        """Called when there is something to be read or the end was learned."""
        self.tap: Callable[[bytes], None] | None = None
        """Sees every byte that is handed over here."""

    def send(self, data: bytes) -> None:
        """Writes bytes."""
        if not self.cut and not self.closed and data:
            self.network.carry(self, bytes(data))

    def receive(self) -> bytes:
        """Everything that has come."""
        data = b"".join(self.inbox)
        self.inbox.clear()
        if self.tap is not None and data:
            self.tap(data)
        return data

    def close(self, reset: bool = False) -> None:
        """Closes it: plainly after what was written has gone, or by a reset, which may overtake that."""
        if self.closed:
            return
        self.closed = True
        self.inbox.clear()
        if self.cut:
            return
        if reset:
            self.network.lose(self)
            self.network.tell_end(self.peer, _RESET)
        else:
            self.network.carry(self, _FIN)

    def land(self) -> None:
        """The next piece under way arrives at the other end."""
        if self.flight:
            self.peer.take(self.flight.popleft())

    def take(self, piece: bytes) -> None:
        """A piece arrives here."""
        if self.closed or self.over or not self.process.alive:
            return
        if piece is _FIN:
            self.learn(_CLOSED)
            return
        self.inbox.append(piece)
        self.wake()

    def learn(self, why: str) -> None:
        """This end hears that the connection is gone."""
        if self.over or self.closed or not self.process.alive:
            return
        self.over = why
        if why == _RESET:
            self.inbox.clear()
        self.wake()


class Network:
    """All connections and all who listen."""

    def __init__(self, world: World, weather: Weather) -> None:
        self.world = world
        self.weather = weather
        self.connections: list[tuple[End, End]] = []
        self._listeners: dict[Address, tuple[Process, Callable[[End], None]]] = {}
        self.watch: Callable[[End], None] = lambda end: None
        """Told of each connection that is made."""
        self.valkey: Any = None
        self.dump: Any = None

    def latency_us(self) -> int:
        chance, weather = self.world.chance.random, self.weather
        if chance() < weather.slow_share:
            return int(chance() * weather.slow_us) + 1
        return int(chance() * weather.usual_us) + 10

    def carry(self, end: End, data: bytes) -> None:
        """Sends bytes on their way to the other end, behind those that are under way."""
        chance = self.world.chance.random
        if len(data) > 1 and chance() < self.weather.slices:
            middle = 1 + int(chance() * (len(data) - 1))
            self._launch(end, data[:middle])
            self._launch(end, data[middle:])
        else:
            self._launch(end, data)

    def _launch(self, end: End, piece: bytes) -> None:
        end.flight.append(piece)
        end.free_us = max(end.free_us, self.world.now_us + self.latency_us())
        self.world.at(end.free_us, end.land)

    def lose(self, end: End) -> None:
        """Of what is under way from this end, all after a random byte is lost, and all that is written from now on."""
        end.cut = True
        flight = end.flight
        if not flight:
            return
        kept = int(self.world.chance.random() * (len(flight) + 1))
        torn = flight[kept] if kept < len(flight) else b""
        while len(flight) > kept:
            flight.pop()
        if len(torn) > 1:
            flight.append(torn[: 1 + int(self.world.chance.random() * (len(torn) - 1))])
            self.world.counts["torn message"] += 1

    def tell_end(self, end: End, why: str, late_us: int = 0) -> None:
        """The end will learn that the connection is gone, after what still arrives."""
        end.peer.free_us = max(end.peer.free_us, self.world.now_us + self.latency_us() + late_us)
        self.world.at(end.peer.free_us, end.learn, why)

    def break_up(self, end: End, late_us: int) -> None:
        """Cuts a connection in both directions; each end notices at a moment of its own, up to `late_us` later."""
        for one in (end, end.peer):
            self.lose(one)
            self.tell_end(one, _RESET, int(self.world.chance.random() * late_us))

    def living(self, label: str = "") -> list[End]:
        """An end of each connection that is up, of those whose label begins so."""
        self.connections = [pair for pair in self.connections if not any(e.closed or e.over for e in pair)]
        return [pair[0] for pair in self.connections if not pair[0].cut and pair[0].label.startswith(label)]

    # Listening and connecting.

    def listen(self, process: Process, address: Address, factory: Callable[[], Any]) -> "Listener":
        """An asyncio server."""
        return self.accept(process, address, lambda end: Transport(end, factory()).begin())

    def accept(self, process: Process, address: Address, accepted: Callable[[End], None]) -> "Listener":
        """`accepted` gets this side's end of each connection, in the process's own time."""
        self._listeners[address] = (process, accepted)
        return Listener(self, process, address)

    def close_listener(self, process: Process, address: Address) -> None:
        """Nobody listens there any more."""
        if address in self._listeners and self._listeners[address][0] is process:
            del self._listeners[address]

    def listens(self, address: Address) -> Process | None:
        """Who listens there."""
        found = self._listeners.get(address)
        return found[0] if found else None

    async def connect(
        self, process: Process, address: Address, factory: Callable[[], Any]
    ) -> tuple[Any, Any]:
        """asyncio's create_connection. Raises ConnectionRefusedError."""
        end = await self.dial(process, address)
        transport = Transport(end, factory())
        transport.begin()
        return transport, transport.protocol

    async def dial(self, process: Process, address: Address) -> End:
        """This side's end of a new connection. Raises ConnectionRefusedError when nobody listens."""
        answered: asyncio.Future[None] = process.create_future()
        self.world.after(self.latency_us(), process.call_soon, _finish, answered)
        await answered
        found = self._listeners.get(address)
        if found is None or not found[0].alive:
            raise ConnectionRefusedError(f"nobody listens at {address[0]}")
        server, accepted = found
        near = End(self, process, f"{process.name}>{server.name}")
        far = End(self, server, near.label)
        near.peer, far.peer = far, near
        self.connections.append((near, far))
        process.ends.append(near)
        server.ends.append(far)
        self.watch(near)
        server.call_soon(accepted, far)
        return near

    def bury(self, process: Process) -> None:
        """The process is dead: nobody listens there, and its connections end; what it wrote last may be lost or not."""
        for address in [one for one, (owner, _) in self._listeners.items() if owner is process]:
            del self._listeners[address]
        for end in process.ends:
            end.close(reset=self.world.chance.random() < 0.5)


class Listener:
    """What create_server and start_server return."""

    def __init__(self, network: Network, process: Process, address: Address) -> None:
        self._network = network
        self._process = process
        self._address = address

    def close(self) -> None:
        self._network.close_listener(self._process, self._address)

    async def serve_forever(self) -> None:
        await self._process.create_future()

    async def __aenter__(self) -> "Listener":
        return self

    async def __aexit__(self, *problem: object) -> None:
        self.close()

    def _start_serving(self) -> None:
        """It serves already."""


class Transport:
    """asyncio's view of an end."""

    def __init__(self, end: End, protocol: Any) -> None:
        self.end = end
        self.protocol = protocol
        self._reading = True
        self._queued = False
        self._lost = False
        end.wake = self._wake

    def begin(self) -> None:
        """The connection is made."""
        self.protocol.connection_made(self)
        self._wake()

    def _wake(self) -> None:
        if not self._queued:
            self._queued = True
            self.end.process.call_soon(self._pump)

    def _pump(self) -> None:
        """Hands over what has come."""
        self._queued = False
        end = self.end
        if end.inbox and self._reading and not end.closed:
            self._hand_over(end.receive())
        if end.over and not end.inbox and not end.closed:
            end.closed = True
            self._lose(ConnectionResetError("reset") if end.over == _RESET else None)

    def _hand_over(self, data: bytes) -> None:
        if not hasattr(self.protocol, "get_buffer"):
            self.protocol.data_received(data)
            return
        while data and not self.end.closed:
            buffer = self.protocol.get_buffer(-1)
            size = min(len(buffer), len(data))
            buffer[:size] = data[:size]
            self.protocol.buffer_updated(size)
            data = data[size:]

    def _lose(self, error: Exception | None) -> None:
        if not self._lost:
            self._lost = True
            self.protocol.connection_lost(error)

    def write(self, data: bytes) -> None:
        self.end.send(data)

    def close(self) -> None:
        if not self.end.closed:
            self.end.close()
            self.end.process.call_soon(self._lose, None)

    def abort(self) -> None:
        if not self.end.closed:
            self.end.close(reset=True)
            self.end.process.call_soon(self._lose, None)

    def is_closing(self) -> bool:
        return self.end.closed

    def is_reading(self) -> bool:
        return self._reading

    def pause_reading(self) -> None:
        self._reading = False

    def resume_reading(self) -> None:
        self._reading = True
        self._wake()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """No simulated buffer is ever full."""

    def get_extra_info(self, name: str) -> Any:
        """The socket, for those who set options on it."""
        return self

    def setsockopt(self, *option: object) -> None:
        """Options do nothing: a plain close and a reset are two methods here."""


def _finish(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)
