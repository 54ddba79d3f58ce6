"""Three times the load that fits: held back by back-pressure, nothing refused, nothing lost, and answered in bounded time."""

import socket
import threading
import time
from typing import Final

from core.limits import MAX_WAITING_LINES_PER_CONNECTION
from faults import client, kills, probe
from faults.arena import Arena
from faults.ledger import Ledger
from faults.model import Step, Strike

USERS: Final = 200
FITS: Final = 20_000
"""Requests by which it is found out how many fit into a second."""
TIMES: Final = 3
SURPLUS: Final = 45_000
"""So many more are offered than fit: more than the balancer holds of one connection. Then it has to stop reading."""
_SEND_BYTES: Final = 64 * 1024
"""What the sender's kernel takes: little, so that whoever holds the sender back is the system."""
_CHUNK_S: Final = 0.02
_HELD_BACK_S: Final = 0.05
"""A write that takes longer was held back."""
_LONGEST_S: Final = 15.0
"""The slowest answer, from the moment that the system took the line: what it holds, at the rate that fits, with room."""
_GIVE_UP_S: Final = 60.0


def flood(arena: Arena, step: Step) -> Strike:
    """First as much as fits, to know it; then three times as much a second, over one connection."""
    time_ms = kills.now_ms()
    fits = _fits(arena)
    lines, _ = arena.mixture(USERS, SURPLUS * TIMES // (TIMES - 1))
    busy = arena.ledger.busy
    stream = _Stream(arena, lines, TIMES * fits)
    threads = [threading.Thread(target=stream.write), threading.Thread(target=stream.read)]
    for thread in threads:
        thread.start()
    time.sleep(0.5)
    start_s = time.monotonic()
    probe.works(arena, "loadbalancer")
    other_s = time.monotonic() - start_s
    for thread in threads:
        thread.join()
    busy = arena.ledger.busy - busy
    proof = (
        f"{TIMES * fits:,.0f} requests/s offered where {fits:,.0f} fit: at most {stream.most:,} were taken and not answered,"
        f" the sender was held back for {stream.held_back_s:.1f} s, the slowest answer took {stream.slowest_s:.1f} s,"
        f" another client's {other_s:.1f} s; {busy} BUSY"
    )
    slow = max(stream.slowest_s, other_s)
    wrong = f"an answer took {slow:.1f} s" if slow > _LONGEST_S else ""
    wrong = wrong or (f"{stream.missing} requests were not answered" if stream.missing else "")
    return Strike(
        step.fault, "", time_ms, proof if stream.most > MAX_WAITING_LINES_PER_CONNECTION else "", wrong=wrong
    )


def _fits(arena: Arena) -> float:
    lines, _ = arena.mixture(USERS, FITS)
    start_s = time.monotonic()
    arena.insist(lines)
    return FITS / (time.monotonic() - start_s)


class _Stream:
    """One connection on which lines are written by the clock, whatever comes back."""

    def __init__(self, arena: Arena, lines: list[str], rate: float) -> None:
        self._lines = lines
        self._rate = rate
        self._ledger: Ledger = arena.ledger
        self._number = client.connection_number()
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BYTES)
        self._socket.settimeout(_GIVE_UP_S)
        self._socket.connect(arena.state.balancer_address)
        self._socket.sendall(f"SESSION {arena.session}\n".encode())
        self._written_s: list[float] = []
        self._answered = 0
        self.most = 0
        self.held_back_s = 0.0
        self.slowest_s = 0.0

    @property
    def missing(self) -> int:
        """Lines without a reply."""
        return len(self._lines) - self._answered

    def write(self) -> None:
        """Each line when its time has come, or as soon as the system takes it."""
        start_s = time.monotonic()
        while len(self._written_s) < len(self._lines):
            due = int((time.monotonic() - start_s) * self._rate)
            chunk = self._lines[len(self._written_s) : due]
            data = "".join(f"{line}\n" for line in chunk).encode()
            self._ledger.sent(self._number, data)
            before_s = time.monotonic()
            self._socket.sendall(data)
            took_s = time.monotonic() - before_s
            self.held_back_s += took_s if took_s > _HELD_BACK_S else 0.0
            self._written_s += [before_s + took_s] * len(chunk)
            time.sleep(_CHUNK_S)

    def read(self) -> None:
        """All replies. Those to one user come in order, and nearly so do all."""
        rest = b""
        while self.missing and (data := self._socket.recv(1 << 18)):
            rest += data
            whole = rest.rfind(b"\n") + 1
            self._ledger.answered(self._number, rest[:whole])
            self._note(rest[:whole].count(b"\n") - rest.startswith(b"SESSION"))
            rest = rest[whole:]
        self._ledger.lost(self._number)
        self._socket.close()

    def _note(self, count: int) -> None:
        self.most = max(self.most, len(self._written_s) - self._answered)
        self._answered += count
        if count and self._answered <= len(self._written_s):
            self.slowest_s = max(self.slowest_s, time.monotonic() - self._written_s[self._answered - 1])
