"""The client of the load balancer: a worker process's persistent connections, one a session, shared by all its requests.

Each session has a thread that writes whatever is waiting in one send, and for each connection one that reads. Under gevent's
monkey patching they are greenlets; nothing here knows. A connection that dies, or says what makes no sense, is opened again
and all that is outstanding is asked again in order; who waited for it notices nothing but the time.
"""

import contextlib
import itertools
import socket
import threading
import time
from collections.abc import Callable
from typing import Final

from core import log
from core.clock import Clock
from core.errors import ProtocolError, Unavailable
from core.limits import MAX_WEB_OUTSTANDING_LINES, RECONNECT_MS, WEB_LINE_DEADLINE_MS
from webclient.bell import Bell
from webclient.channel import Channel, Question
from webclient.commands import Answer, Command
from webclient.keys import Key, read_session

_RECEIVE_BYTES: Final = 256 * 1024
_CONNECT_S: Final = 5.0
_LATE: Final = "no answer in time; it may have been done: send it again with the same key"
_FULL: Final = "too much is outstanding; nothing was done"
_STOPPING: Final = "the web client is being stopped; it may have been done: send it again with the same key"


def _ignore(seconds: float) -> None:
    """Nobody measures."""


class Lines:
    """All sessions of one worker process; their connections are opened when they are first used."""

    def __init__(
        self,
        address: tuple[str, int],
        token: bytes,
        clock: Clock,
        observe: Callable[[float], None] = _ignore,
        deadline_ms: int = WEB_LINE_DEADLINE_MS,
    ) -> None:
        """`token`: 8 random bytes that name this process's reads. `observe` is told the seconds that each answer took."""
        self._address = address
        self._clock = clock
        self._observe = observe
        self._deadline_ms = deadline_ms
        self._read_session = read_session(token)
        self._read_numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._wires: dict[str, _Wire] = {}
        self._stopped = False

    def read_key(self) -> Key:
        """The key of a command that need not be found again: one that only reads, or is done once whatever happens."""
        return Key(self._read_session, next(self._read_numbers))

    def ask(self, key: Key, command: Command) -> Answer:
        """Asks and waits. Raises Unavailable when there is no answer in time; the command may have been done then."""
        begun = time.perf_counter()
        answer = self._wire(key.session).ask(_Waiting(key.number, command), self._deadline_ms)
        self._observe(time.perf_counter() - begun)
        return answer

    def stop(self) -> None:
        """Closes everything; who still waits gets Unavailable."""
        with self._lock:
            self._stopped = True
            wires = list(self._wires.values())
        for wire in wires:
            wire.stop()

    def _wire(self, session: str) -> "_Wire":
        wire = self._wires.get(session)
        if wire is not None:
            return wire
        with self._lock:
            if self._stopped:
                raise Unavailable(_STOPPING)
            if session not in self._wires:
                self._wires[session] = _Wire(self._address, session, self._clock)
            return self._wires[session]


class _Waiting(Question):
    """A question with the one who waits for its answer."""

    __slots__ = ("latch",)

    def __init__(self, number: int, command: Command) -> None:
        super().__init__(number, command)
        self.latch = threading.Lock()
        """Held until the answer is there: the cheapest thing to wait for, with threads and with greenlets."""
        self.latch.acquire()


class _Wire:
    """One session: its channel, and whichever connection it has at the moment."""

    def __init__(self, address: tuple[str, int], session: str, clock: Clock) -> None:
        self._address = address
        self._session = session
        self._clock = clock
        self._channel: Channel[_Waiting] = Channel(session)
        self._lock = threading.Lock()
        """Over everything below, and the channel."""
        self._bell = Bell()
        """Has the writer look again."""
        self._socket: socket.socket | None = None
        self._broken = False
        self._heard_ms = 0
        self._stopped = threading.Event()
        self._writer = threading.Thread(target=self._run, name=f"lines {session}", daemon=True)
        self._writer.start()

    def ask(self, question: _Waiting, deadline_ms: int) -> Answer:
        """Asks and waits. Raises Unavailable."""
        with self._lock:
            if self._stopped.is_set():
                raise Unavailable(_STOPPING)
            if len(self._channel) >= MAX_WEB_OUTSTANDING_LINES:
                raise Unavailable(_FULL)
            self._channel.ask(question)
            self._bell.ring()
        question.latch.acquire(timeout=deadline_ms / 1000)
        if question.answer is None:
            self._give_up(question, deadline_ms // 2)
        if question.answer is None:
            raise Unavailable(_STOPPING if self._stopped.is_set() else _LATE)
        return question.answer

    def stop(self) -> None:
        """Closes the connection and lets everybody go."""
        with self._lock:
            if not self._stopped.is_set():
                self._stopped.set()
                for question in self._channel.questions:
                    question.latch.release()
            self._bell.ring()
        self._hang_up()
        self._writer.join()

    def _give_up(self, question: _Waiting, patience_ms: int) -> None:
        """The deadline has passed. A connection that has said nothing at all for half of it is taken for dead."""
        with self._lock:
            if question.answer is not None or self._stopped.is_set():
                return
            self._channel.abandon(question)
            silent = self._clock.monotonic_ms() - self._heard_ms >= patience_ms
        if silent:
            self._hang_up()

    def _hang_up(self) -> None:
        """Ends the connection, if there is one: its reader and writer wake up and see it."""
        sock = self._socket
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    # The writer's thread.

    def _run(self) -> None:
        """Connects whenever something is outstanding, until stopped."""
        while self._has_work():
            try:
                sock = socket.create_connection(self._address, _CONNECT_S)
            except OSError as error:
                self._log("load balancer away", error)
            else:
                self._serve(sock)
            self._stopped.wait(RECONNECT_MS / 1000)

    def _has_work(self) -> bool:
        """Waits until something is to be asked; False when it is over."""
        while not self._stopped.is_set():
            with self._lock:
                if len(self._channel):
                    return True
            self._bell.wait()
        return False

    def _serve(self, sock: socket.socket) -> None:
        """From the first byte of a connection to its last."""
        with sock:
            sock.settimeout(None)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._socket, self._broken = sock, False
                self._heard_ms = self._clock.monotonic_ms()
                self._channel.connected()
            reader = threading.Thread(
                target=self._read, args=(sock,), name=f"{self._session} in", daemon=True
            )
            reader.start()
            self._write(sock)
            self._hang_up()
            reader.join()
            with self._lock:
                self._socket = None
                self._channel.lost()

    def _write(self, sock: socket.socket) -> None:
        """Sends what is waiting, all of it at once, until the connection is broken."""
        while not self._stopped.is_set():
            with self._lock:
                broken, data = self._broken, self._channel.take()
            if broken:
                return
            if not data:
                self._bell.wait()
                continue
            try:
                sock.sendall(data)
            except OSError as error:
                self._log("connection lost", error)
                return

    # The reader's thread.

    def _read(self, sock: socket.socket) -> None:
        """Hands out answers until the connection ends or makes no sense."""
        try:
            while data := sock.recv(_RECEIVE_BYTES):
                self._hear(data)
            self._log("connection lost", None)
        except (OSError, ProtocolError) as error:
            self._log("connection lost", error)
        with self._lock:
            self._broken = True
            self._bell.ring()
        self._hang_up()

    def _hear(self, data: bytes) -> None:
        with self._lock:
            self._heard_ms = self._clock.monotonic_ms()
            if self._stopped.is_set():
                return
            for question in self._channel.received(data):
                question.latch.release()

    def _log(self, event: str, error: Exception | None) -> None:
        if not self._stopped.is_set():
            log.get_logger().warning(event, session=self._session, why=str(error or "closed"))
