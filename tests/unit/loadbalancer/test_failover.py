"""Web servers and shards die under load: every line is answered once, in the user's order, and took effect once."""

import json
import signal
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from random import Random, SystemRandom

import pytest

from tests.unit.loadbalancer.tiers import LineClient, Stack, stack

pytestmark = pytest.mark.slow

USERS = 40


class Load:
    """A client that keeps a number of requests outstanding until it is finished, and checks what came back."""

    def __init__(self, port: int, session: str, window: int, random: Random) -> None:
        self._client = LineClient(port, timeout_s=30)
        self._window = threading.Semaphore(window)
        self._random = Random(random.random())
        self._stop, self._last = threading.Event(), threading.Event()
        self.users: list[int] = []
        """Of each request, by its number - 1."""
        self.session = session
        self.replies: list[bytes] = []
        assert self._client.ask(b"SESSION " + session.encode()) == b"SESSION OK"
        self._receiver = threading.Thread(target=self._receive, daemon=True)
        self._sender = threading.Thread(target=self._send, daemon=True)
        self._receiver.start()
        self._sender.start()

    def _send(self) -> None:
        while not self._stop.is_set():
            self._window.acquire()
            self.users.append(self._random.randrange(USERS))
            self._client.send(
                b"[%d] ADD,%b-%d,1\n" % (len(self.users), self.session.encode(), self.users[-1])
            )

    def _receive(self) -> None:
        while not self._last.is_set() or len(self.replies) < len(self.users):
            line = self._client.line()
            if not line:
                return
            self.replies.append(line)
            self._window.release()

    def finish(self) -> None:
        """Sends no more, waits for the last reply and checks all."""
        self._stop.set()
        self._sender.join(30)
        self.users.append(-1)
        self._last.set()
        self._client.send(b"[%d] ADD,%b-last,1\n" % (len(self.users), self.session.encode()))
        self._receiver.join(30)
        assert not self._receiver.is_alive(), f"{len(self.replies)} of {len(self.users)} answered"
        self._client.socket.close()
        numbers = [int(reply[1 : reply.index(b"]")]) for reply in self.replies]
        assert Counter(numbers) == Counter(range(1, len(self.users) + 1))
        turns: defaultdict[int, list[int]] = defaultdict(list)
        order: defaultdict[int, list[int]] = defaultdict(list)
        for number, reply in zip(numbers, self.replies, strict=True):
            assert b"] OK {" in reply, reply
            turns[self.users[number - 1]].append(json.loads(reply[reply.index(b"{") :])["turn"])
            order[self.users[number - 1]].append(number)
        assert all(found == list(range(1, len(found) + 1)) for found in turns.values())
        assert all(found == sorted(found) for found in order.values())


def check_effects(made: Stack, loads: list[Load]) -> None:
    applied = Counter((r.session, r.number) for shard in made.shards for r in shard.shard.applied)
    assert set(applied.values()) == {1}
    assert len(applied) == sum(len(load.users) for load in loads)


def kill_and_restart(made: Stack, pick: int) -> None:
    made.web_servers[pick].kill()
    time.sleep(0.05)
    made.web_servers[pick].start()
    time.sleep(0.3)


def freeze(made: Stack, pick: int) -> None:
    made.web_servers[pick].signal(signal.SIGSTOP)
    time.sleep(1.5)
    made.web_servers[pick].signal(signal.SIGCONT)
    time.sleep(0.3)


def stop_and_restart(made: Stack, pick: int) -> None:
    assert made.web_servers[pick].stop() == 0
    made.web_servers[pick].start()
    time.sleep(0.3)


def kill_all(made: Stack, pick: int) -> None:
    for server in made.web_servers:
        server.kill()
    time.sleep(0.2)
    made.web_servers[pick].start()
    time.sleep(0.2)
    made.web_servers[1 - pick].start()
    time.sleep(0.3)


def lose_shard(made: Stack, pick: int) -> None:
    made.shards[pick].away()
    time.sleep(0.2)
    made.shards[pick].listen()
    time.sleep(0.3)


@pytest.mark.parametrize(
    "fault",
    [
        kill_and_restart,
        *(
            pytest.param(fault, marks=pytest.mark.slow)
            for fault in (stop_and_restart, freeze, kill_all, lose_shard)
        ),
    ],
)
def test_nothing_is_lost_doubled_or_overtaken(fault: Callable[[Stack, int], None]) -> None:
    seed = SystemRandom().randrange(10**9)
    print(f"seed {seed}")
    random = Random(seed)
    with stack() as made:
        for shard in made.shards:
            shard.shard.delay_s = 0.02
        loads = [Load(made.port, f"s{window}", window, random) for window in (1, 8, 64, 400)]
        for _ in range(3):
            time.sleep(random.random() * 0.2)
            fault(made, random.randrange(2))
        for load in loads:
            load.finish()
        check_effects(made, loads)
        repeats = sum(len(shard.shard.received) - len(shard.shard.applied) for shard in made.shards)
        assert repeats or fault is stop_and_restart, "nothing had to be sent again: the fault did not hit"
