"""Faults of connections: cut within a line, sliced into single bytes, delayed; clients that never read, or write very slowly."""

import contextlib
import fcntl
import resource
import socket
import struct
import termios
import time
from collections.abc import Callable
from typing import Final

from faults import client, kills, probe
from faults.arena import Arena, pause
from faults.model import Step, Strike
from stack.process import wait_until

CUTS: Final = 10
"""Of requests, and of replies."""
SLICES_S: Final = 4.0
DELAY_S: Final = 0.1
NEVER_READ: Final = 4
LINES_NEVER_READ: Final = 2_000
SLOW_SOCKETS: Final = 1_000
_PATIENCE_S: Final = 20.0
_CATCH_UP_S: Final = 180.0
_SMALL_BUFFER: Final = 4_096
_SLOW_STEPS: Final = 6
_OTHERS_S: Final = 2.0
"""Others must be answered within this while somebody misbehaves."""


def cut(arena: Arena, step: Step) -> Strike:
    """Connections end within a line, of requests and of replies."""
    time_ms, before = kills.now_ms(), arena.ledger.ever_unknown
    struck = arena.proxy.struck
    wanted = (struck["requests cut"] + CUTS, struck["replies cut"] + CUTS)
    arena.proxy.requests_to_cut, arena.proxy.replies_to_cut = CUTS, CUTS
    done = wait_until(
        lambda: struck["requests cut"] >= wanted[0] and struck["replies cut"] >= wanted[1], _PATIENCE_S
    )
    arena.proxy.requests_to_cut = arena.proxy.replies_to_cut = 0
    unknown = arena.ledger.ever_unknown - before
    proof = (
        f"{CUTS} connections cut in a request and {CUTS} in a reply, {unknown} requests unknown"
        if done
        else ""
    )
    return Strike(step.fault, "", time_ms, proof)


def slices(arena: Arena, step: Step) -> Strike:
    """Everything goes through in slices of one byte."""
    return _disturb(arena, step, "slices", SLICES_S, lambda on: setattr(arena.proxy, "slicing", on))


def delay(arena: Arena, step: Step) -> Strike:
    """Everything goes through late."""
    return _disturb(
        arena, step, "delays", SLICES_S, lambda on: setattr(arena.proxy, "delay_s", DELAY_S if on else 0.0)
    )


def _disturb(arena: Arena, step: Step, what: str, seconds: float, switch: Callable[[bool], None]) -> Strike:
    time_ms, before, answered = kills.now_ms(), arena.proxy.struck[what], len(arena.ledger.replies)
    switch(True)
    time.sleep(seconds)
    switch(False)
    count, answered = arena.proxy.struck[what] - before, len(arena.ledger.replies) - answered
    return Strike(
        step.fault, "", time_ms, f"{count} {what}, {answered} requests answered" if count and answered else ""
    )


def never_read(arena: Arena, step: Step) -> Strike:
    """Clients that ask and ask and never read a reply: others are served, and memory has a bound."""
    time_ms = kills.now_ms()
    probe.works(arena, "loadbalancer")
    with contextlib.ExitStack() as open_until:
        connections = [open_until.enter_context(_small(arena)) for _ in range(NEVER_READ)]
        for connection in connections:
            user = arena.user()  # each its own: over several connections a user's requests have no order
            lines = [arena.line(f"DISPLAY_SUMMARY,{user}") for _ in range(LINES_NEVER_READ)]
            _write(arena, connection, "".join(f"{line}\n" for line in lines).encode())
        pause(1_000)
        took_s = _timed(arena)
        pause(1_000)
        unread = sum(map(_unread, connections))
        stuck = sum(_stuck(connection) for connection in connections)
    proof = f"{NEVER_READ} clients with {unread} unread bytes, {stuck} more wait for them; another answered in {took_s:.2f} s"
    wrong = "" if took_s < _OTHERS_S else f"another client waited {took_s:.1f} s"
    return Strike(step.fault, "", time_ms, proof if unread and stuck else "", wrong=wrong)


def slow_sockets(arena: Arena, step: Step) -> Strike:
    """A thousand connections that write a line a few bytes at a time; every other one is closed before its line ends."""
    time_ms = kills.now_ms()
    _allow_many_files()
    whole = [arena.line(f"ADD,{arena.user()},1.00") for _ in range(SLOW_SOCKETS // 2)]
    cut_off = [f"[{arena.number()}] ADD,{arena.user()},1.00" for _ in range(SLOW_SOCKETS // 2)]
    with contextlib.ExitStack() as open_until:
        sockets = [open_until.enter_context(_connect(arena)) for _ in range(SLOW_SOCKETS)]
        opening = f"SESSION {arena.session}\n"
        texts = [f"{opening}{line}\n" for line in whole] + [opening + line for line in cut_off]
        number = client.connection_number()
        arena.ledger.sent(number, "".join(f"{line}\n" for line in whole).encode())
        for part in range(_SLOW_STEPS):
            for connection, text in zip(sockets, texts, strict=True):
                size = -(-len(text) // _SLOW_STEPS)
                connection.sendall(text[part * size : (part + 1) * size].encode())
            if part == _SLOW_STEPS // 2:
                took_s = _timed(arena)
        replies = [_line(connection) for connection in sockets[: len(whole)]]
        arena.ledger.answered(number, "".join(replies).encode())
        arena.ledger.lost(number)
    answered = sum(" OK " in reply for reply in replies)
    proof = f"{SLOW_SOCKETS} sockets, {answered} lines done and {len(cut_off)} cut off; another answered in {took_s:.2f} s"
    wrong = "" if took_s < _OTHERS_S else f"another client waited {took_s:.1f} s"
    return Strike(step.fault, "", time_ms, proof if answered == len(whole) else "", wrong=wrong)


def kill_client(arena: Arena, step: Step) -> Strike:
    """The replaying client dies and is started again with the same session: it goes on where it stopped."""
    waiting = arena.await_outstanding()
    time_ms, answered = kills.now_ms(), len(arena.ledger.replies)
    pid = arena.kill_load()
    seen = len(arena.ledger.replies)
    # It begins at the beginning, and what was done is only answered once more: not to be held to the pace of new requests.
    arena.proxy.rate = None
    arena.resume_load()
    going = wait_until(lambda: len(arena.ledger.replies) > seen + 100, _CATCH_UP_S)
    arena.proxy.rate = arena.load.rate
    proof = f"client {pid} died with {waiting} requests outstanding after {answered} replies, {arena.ledger.resent} sent again"
    return Strike(step.fault, "", time_ms, proof if going and waiting else "")


def _allow_many_files() -> None:
    """Each socket is an open file."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _timed(arena: Arena) -> float:
    start_s = time.monotonic()
    probe.works(arena, "loadbalancer")
    return time.monotonic() - start_s


def _connect(arena: Arena) -> socket.socket:
    connection = socket.create_connection(arena.state.balancer_address, _PATIENCE_S)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def _small(arena: Arena) -> socket.socket:
    """A connection that can take few replies, in the session."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SMALL_BUFFER)
    connection.connect(arena.state.balancer_address)
    connection.sendall(f"SESSION {arena.session}\n".encode())
    return connection


def _write(arena: Arena, connection: socket.socket, data: bytes) -> None:
    """As much as the system takes; the ledger knows all of it as sent, and asks again in the end."""
    number = client.connection_number()
    arena.ledger.sent(number, data)
    connection.settimeout(1.0)
    with contextlib.suppress(TimeoutError):
        connection.sendall(data)
    arena.ledger.lost(number)


def _unread(connection: socket.socket) -> int:
    """Bytes that have arrived and that nobody reads."""
    answer = fcntl.ioctl(connection, termios.FIONREAD, struct.pack("i", 0))
    return int(struct.unpack("i", answer)[0])


def _stuck(connection: socket.socket) -> int:
    """Bytes that the balancer's kernel holds for this connection because nobody reads (its own tx_queue)."""
    mine, theirs = (_hexadecimal(*end()) for end in (connection.getsockname, connection.getpeername))
    with open("/proc/net/tcp") as table:
        for line in table:
            fields = line.split()
            if fields[1:3] == [theirs, mine]:
                return int(fields[4].partition(":")[0], 16)
    return 0


def _hexadecimal(host: str, port: int) -> str:
    address = int.from_bytes(socket.inet_aton(host), "little")
    return f"{address:08X}:{port:04X}"


def _line(connection: socket.socket) -> str:
    """The line after SESSION OK."""
    with connection.makefile() as file:
        file.readline()
        return file.readline()
