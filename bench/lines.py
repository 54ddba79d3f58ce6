"""CPU per request line in the load balancer and the web server, without sockets: `python -m bench.lines`.

A generated workload goes through both in chunks of several sizes, and its replies come back. Beside it, measured in the
same run, the least that any program in this language must do: split each chunk at LF and keep every line in a table until
a reply's number takes it out. Each figure is the median of several rounds, in CPU time of this one process.
"""

import platform
import sys
import time
from collections.abc import Callable, Iterator
from statistics import median
from typing import Final

import msgspec

from core import codec
from core.framing import FrameDecoder
from loadbalancer.balance import Balancer
from webserver.desk import Desk
from workload.generate import generate

CHUNKS: Final = (1, 10, 100, 3_000)
"""Lines a chunk: a client at window 1, up to one that fills the balancer's receive buffer."""
GOALS_US: Final = {"balancer": 1.5, "web server": 3.0}
"""Per line at the largest chunk; those at smaller ones carry the cost of their frame."""
_USERS, _COMMANDS, _SEED, _ROUNDS = 100, 20_000, 1, 5


class Outbound:
    """A peer that keeps what it is sent."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []

    def send(self, data: bytes) -> None:
        self.taken.append(data)

    def take(self) -> bytes:
        """Everything since the last time."""
        taken, self.taken = b"".join(self.taken), []
        return taken


class Stopwatch:
    """CPU seconds by what they were spent on."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = {}

    def run(self, name: str, work: Callable[[], object]) -> None:
        """Does the work and books its time."""
        start = time.process_time()
        work()
        self.spent[name] = self.spent.get(name, 0.0) + time.process_time() - start


class Path:
    """One balancer, one web server and two shards, wired by hand; the shards cost nothing that is counted."""

    def __init__(self) -> None:
        self.balancer = Balancer(["web"], lambda: b"bench")
        self.client = self.balancer.connected()
        self.balancer.server_up(0, 0)
        self.desk = Desk(2)
        self.shards = [Outbound(), Outbound()]
        for shard, peer in enumerate(self.shards):
            self.desk.shard_up(shard, peer)
        self.link = Outbound()
        self.watch = Stopwatch()

    def send(self, chunk: bytes) -> None:
        """One chunk from the client to the shards and its replies back."""
        run = self.watch.run
        run("balancer", lambda: self.balancer.received(self.client, chunk, 0))
        request = Outbound()
        self.balancer.links[0].flush(_Sink(request))
        run("web server", lambda: self.desk.frames(self.link, FrameDecoder().feed(request.take()), 0))
        for shard, peer in enumerate(self.shards):
            answer = _answer(peer.take())
            run("web server", lambda: self.desk.messages(shard, FrameDecoder().feed(answer)))  # noqa: B023
        reply = self.link.take()
        run("balancer", lambda: self._reply(reply))
        self.client.output.clear()
        self.balancer.changed.clear()
        self.balancer.output_bytes = 0

    def _reply(self, data: bytes) -> None:
        for kind, payload in FrameDecoder().feed(data):
            self.balancer.heard(0, kind, payload, 0)


class _Sink:
    def __init__(self, outbound: Outbound) -> None:
        self._outbound = outbound

    def send(self, data: bytes | memoryview, /) -> int:
        self._outbound.send(bytes(data))
        return len(data)


def _answer(data: bytes) -> bytes:
    answers = b""
    for _, payload in FrameDecoder().feed(data):
        message = codec.decode(payload)
        assert isinstance(message, codec.Requests)
        body = '{"cash":"63511.53","reserved":"0.00"}'
        replies = [(item.tag, codec.ok_reply(item.number, body)) for item in message.items]
        answers += codec.encode(codec.Replies(replies))
    return answers


def chunks(lines: list[bytes], size: int) -> Iterator[bytes]:
    """The lines, so many at a time."""
    for start in range(0, len(lines), size):
        yield b"".join(line + b"\n" for line in lines[start : start + size])


def baseline(lines: list[bytes], size: int) -> float:
    """Microseconds a line for splitting chunks and one table entry each way."""
    pieces = list(chunks(lines, size))
    start = time.process_time()
    for chunk in pieces:
        table = dict(enumerate(chunk.split(b"\n")))
        for number in range(len(table)):
            del table[number]
    return (time.process_time() - start) / len(lines) * 1e6


def measure(lines: list[bytes], size: int) -> dict[str, float]:
    """Microseconds a line by tier, beside the baseline."""
    path = Path()
    for chunk in chunks(lines, size):
        path.send(chunk)
    spent = {name: seconds / len(lines) * 1e6 for name, seconds in path.watch.spent.items()}
    return {"baseline": baseline(lines, size)} | spent


def main() -> None:
    """Prints a table, or with --json the same as JSON."""
    text = b"".join(generate(_USERS, _COMMANDS, _SEED))
    lines = [line for line in text.split(b"\n") if line][:-1]
    measure(lines, CHUNKS[-1])
    rows = {
        size: {
            name: round(median(row[name] for row in rounds), 2)
            for name in ("baseline", "balancer", "web server")
        }
        for size in CHUNKS
        if (rounds := [measure(lines, size) for _ in range(_ROUNDS)])
    }
    machine = f"{platform.machine()}, Python {platform.python_version()}"
    if "--json" in sys.argv:
        result = {"command": "python -m bench.lines", "machine": machine, "us_per_line": rows}
        print(msgspec.json.encode(result | {"goals_us": GOALS_US}).decode())
        return
    print(f"CPU microseconds per line, {machine}; goals at the largest chunk: {GOALS_US}")
    print(f"{'lines a chunk':>14} {'baseline':>10} {'balancer':>10} {'web server':>11}")
    for size, row in rows.items():
        print(f"{size:>14} {row['baseline']:>10.2f} {row['balancer']:>10.2f} {row['web server']:>11.2f}")


if __name__ == "__main__":
    main()
