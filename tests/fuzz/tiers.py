"""Fuzzing of whole tiers without their sockets: whatever a peer sends, each line is answered once and nothing is left over.

The targets have the shape of those in tests.fuzz.targets; `python -m tests.fuzz.tiers --inputs N [--seed S]` is the long form.
"""

import argparse
import contextlib
import time
from collections.abc import Mapping
from random import Random, SystemRandom
from types import MappingProxyType

from core import codec
from core.errors import ProtocolError
from core.framing import (
    LINK_HIGHEST,
    LINK_LINES,
    FrameDecoder,
    decode_link,
    encode_link,
    split_number,
    strip_line,
)
from loadbalancer.balance import Balancer
from tests.fuzz.mutate import mutated
from tests.fuzz.targets import Target, slices
from webserver.desk import Desk

_ASKED = b"[1] ADD,u,1\n[2] ADD,u,1\n"


class Taking:
    """A socket that takes everything."""

    def __init__(self) -> None:
        self.data = b""

    def send(self, data: bytes | memoryview, /) -> int:
        self.data += data
        return len(data)


class Peer:
    """A peer of the desk that keeps what it is sent."""

    def __init__(self) -> None:
        self.data = b""

    def send(self, data: bytes) -> None:
        """Keeps it."""
        self.data += data


def client(data: bytes, random: Random) -> None:
    """Every line that a client sends, whatever it is, is answered once; the connection lives on or is ended."""
    balancer = Balancer(["w"], lambda: b"session")
    balancer.server_up(0, 0)
    person = balancer.connected()
    for part in slices(data, random):
        if not person.finished:
            balancer.received(person, part, 0)
        _serve(balancer)
    output = Taking()
    balancer.sent(person.output.flush(output))
    assert balancer.waiting_bytes == balancer.output_bytes == 0
    asked = sum(1 for line in data.split(b"\n")[:-1] if strip_line(line))
    assert person.finished or output.data.count(b"\n") == asked


def _serve(balancer: Balancer) -> None:
    """A web server that answers every line and knows no session."""
    while balancer.links[0].size:
        sink = Taking()
        balancer.links[0].flush(sink)
        for kind, payload in FrameDecoder().feed(sink.data):
            connection, session, text = decode_link(payload)
            if kind == LINK_HIGHEST:
                balancer.heard(0, kind, encode_link(kind, 0, session, b"0")[5:], 0)
                continue
            numbers = [split_number(line)[0] for line in text[:-1].split(b"\n")]
            replies = b"".join(b"[%d] OK {}\n" % number for number in numbers if number)
            balancer.heard(0, LINK_LINES, encode_link(0, connection, b"", replies)[5:], 0)


def web_server(data: bytes, random: Random) -> None:
    """A web server's frame is taken or costs its link; no client gets a reply to what it did not ask."""
    balancer = Balancer(["w"], lambda: b"session")
    balancer.server_up(0, 0)
    person = balancer.connected()
    balancer.received(person, _ASKED, 0)
    waiting = balancer.waiting_bytes
    payload = random.choice((data, encode_link(0, person.number, b"", data)[5:]))
    try:
        balancer.heard(0, random.randrange(7), payload, 0)
    except ProtocolError:
        balancer.server_down(0, 0)
    output = Taking()
    person.output.flush(output)
    answered = output.data.count(b"\n")
    assert answered <= 2
    assert balancer.waiting_bytes * 2 == waiting * (2 - answered)


def balancer_link(data: bytes, random: Random) -> None:
    """A load balancer's frames are taken or cost its link; every request that went to a shard has somebody to tell."""
    desk, shards = Desk(2), [Peer(), Peer()]
    for number, shard in enumerate(shards):
        desk.shard_up(number, shard)
    frames = encode_link(1, 1, b"s", _ASKED) + encode_link(random.randrange(7), 2, b"t", data)
    with contextlib.suppress(ProtocolError):
        desk.frames(Peer(), FrameDecoder().feed(random.choice((data, frames))), 0)
    for number, shard in enumerate(shards):
        for message in _messages(shard.data):
            if isinstance(message, codec.Requests):
                replies = [(item.tag, b"[%d] OK {}\n" % item.number) for item in message.items]
                desk.messages(number, FrameDecoder().feed(codec.encode(codec.Replies(replies))))
            elif isinstance(message, codec.HighestQuery):
                answer = codec.encode(codec.HighestReply(message.tag, 0))
                desk.messages(number, FrameDecoder().feed(answer))
    assert desk.idle


def shard_link(data: bytes, random: Random) -> None:
    """A shard's message is taken or costs its connection, and what it did not answer stays due."""
    desk, link, again = Desk(1), Peer(), Peer()
    desk.shard_up(0, Peer())
    desk.frames(link, FrameDecoder().feed(encode_link(LINK_LINES, 1, b"s", _ASKED)), 0)
    tags = codec.encode(codec.Replies([(random.randrange(4), data), (random.randrange(4), data)]))[5:]
    with contextlib.suppress(ProtocolError):
        desk.messages(0, [(codec.SHARD_MESSAGE, random.choice((data, tags)))])
    desk.shard_up(0, again)
    left = sum(len(m.items) for m in _messages(again.data) if isinstance(m, codec.Requests))
    assert desk.idle == (left == 0)
    assert bool(link.data) == (left < 2)


def _messages(data: bytes) -> list[codec.Message]:
    return [codec.decode(payload) for _, payload in FrameDecoder().feed(data)]


TIERS: Mapping[str, Target] = MappingProxyType(
    {"client": client, "web_server": web_server, "balancer_link": balancer_link, "shard_link": shard_link}
)
"""All of them by name."""


def fuzz(seed: str, count: int, names: list[str]) -> None:
    """Gives `count` inputs to each target; raises what a target raises, with a note that says how to repeat it."""
    random = Random(seed)
    for number in range(count):
        data = mutated(random)
        for name in names:
            try:
                TIERS[name](data, Random(f"{seed}/{number}"))
            except Exception as error:
                error.add_note(f"target {name}, seed {seed}, input {number}: {data!r}")
                raise


def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=100_000, help="for all targets together")
    parser.add_argument("--seed", default=str(SystemRandom().randrange(10**9)))
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    start, share = time.monotonic(), options.inputs // len(TIERS)
    fuzz(options.seed, share, list(TIERS))
    print(f"{share * len(TIERS):,} inputs, {options.inputs / (time.monotonic() - start):,.0f}/s, no find")


if __name__ == "__main__":
    _main()
