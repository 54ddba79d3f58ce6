"""Traders of one stack who buy and commit through its web client: paced or as fast as it goes; did all of it happen once?"""

import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from msgspec import Struct

from bench import _gauge, _http, _once, _pacing, _traders
from bench._gauge import Cost
from bench._http import Answer
from bench._once import Counted
from bench._traders import Crowd
from core.money import format_cents
from core.settings import Address
from stack.launcher import Stack
from stack.topology import WEB_CLIENT
from workload.measure import percentile

_DONE: Final = frozenset({200, 201})
_REPEAT_RATE: Final = 200.0
_REPEATED: Final = 4
"""Requests of each trader that are sent once more."""


class Step(Struct, frozen=True):
    """One rate. Latencies in ms: paced, since the request was due."""

    rate: float
    """That was asked for; 0: as much as fits."""
    count: int
    failed: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    cost: Cost

    @property
    def per_second(self) -> float:
        return self.count / self.cost.seconds

    @property
    def us_each(self) -> dict[str, float]:
        """Processor time of a request, by tier."""
        return self.cost.us_per(self.count)


class Lines(Struct, frozen=True):
    """The same commands as lines to the load balancer, at the same rate."""

    p50_ms: float
    p99_ms: float


class Trading:
    """The traders, and everything that they were answered."""

    def __init__(self, stack: Stack, users: int) -> None:
        now = stack.state
        self._web = Address.parse(now.part(WEB_CLIENT).address)
        self._balancer = now.balancer_address
        self._audit_url = now.audit_url
        self._roots = _gauge.roots_of(now)
        self._traders = _traders.register(self._web, users)
        self._runs: list[tuple[Crowd, list[Answer]]] = []

    def paced(self, rate: float, seconds: float) -> Step:
        """So many requests a second. Raises OSError, ProtocolError, TimeoutError."""
        users = len(self._traders)
        count = whole(rate * seconds, 2 * users)
        crowd = self._crowd()
        return self._step(rate, crowd, lambda: _http.paced(self._web, users, crowd.request, rate, count))

    def flat_out(self, seconds: float) -> Step:
        """As many as fit; everybody waits for their own answers. Raises as `paced`."""
        crowd = self._crowd()
        return self._step(
            0, crowd, lambda: _http.flat_out(self._web, len(self._traders), crowd.request, seconds, 2)
        )

    def by_tcp(self, rate: float, seconds: float) -> Lines:
        """The baseline. Raises as `paced`."""
        users = [f"tcp-{secrets.token_hex(4)}-{number}" for number in range(len(self._traders))]
        _pacing.send(deposits(users), self._balancer, rate)
        orders = lines(users, whole(rate * seconds, 2 * len(users)), 1 + len(users))
        found = sorted(int(ms * 1000) for ms in _pacing.send(orders, self._balancer, rate))
        return Lines(percentile(found, 50) / 1000, percentile(found, 99) / 1000)

    def judge(self) -> Counted:
        """Whether everything so far happened exactly once, also after some of it was sent once more."""
        wrong = self._repeated()
        counted = _once.judge(self._audit_url, self._runs, self._traders)
        return Counted(counted.sent, counted.acknowledged, counted.rows, [*counted.wrong, *wrong])

    def _crowd(self) -> Crowd:
        return Crowd(self._traders, secrets.token_hex(4))

    def _step(self, rate: float, crowd: Crowd, send: Callable[[], list[Answer]]) -> Step:
        before = _gauge.read(self._roots)
        answers = send()
        cost = _gauge.cost(before, _gauge.read(self._roots))
        self._runs.append((crowd, answers))
        return step(rate, answers, cost)

    def _repeated(self) -> list[str]:
        """The first requests of the last run with the same keys again: the answers have to be the same."""
        crowd, answers = self._runs[-1]
        first = {(each.lane, each.place): each.body for each in answers if each.place < _REPEATED}
        again = _http.paced(self._web, len(self._traders), crowd.request, _REPEAT_RATE, len(first))
        return [
            f"{crowd.name(each.lane, each.place)} was answered with {first[each.lane, each.place]!r}, then with {each.body!r}"
            for each in again
            if each.body != first[each.lane, each.place]
        ]


def step(rate: float, answers: Sequence[Answer], cost: Cost) -> Step:
    """What a run comes to."""
    us = sorted(int(each.ms * 1000) for each in answers)
    failed = sum(each.status not in _DONE for each in answers)
    p50, p95, p99 = (percentile(us, percent) / 1000 for percent in (50, 95, 99))
    return Step(rate, len(answers), failed, p50, p95, p99, cost)


def whole(count: float, unit: int) -> int:
    """The multiple of the unit that is nearest, but not 0: everybody buys and commits equally often."""
    return max(1, round(count / unit)) * unit


def deposits(users: Sequence[str]) -> list[bytes]:
    """Lines, numbered from 1, that give each of them money."""
    amount = format_cents(_traders.DEPOSIT_CENTS)
    return [f"[{number}] ADD,{user},{amount}\n".encode() for number, user in enumerate(users, 1)]


def lines(users: Sequence[str], count: int, first: int) -> list[bytes]:
    """What `Crowd.request` says, as lines of the same order, numbered from `first` on."""
    amount = format_cents(_traders.ORDER_CENTS)
    found = []
    for index in range(count):
        place, lane = divmod(index, len(users))
        user = users[lane]
        order = f"BUY,{user},{_traders.symbol(lane + place // 2)},{amount}"
        found.append(f"[{first + index}] {f'COMMIT_BUY,{user}' if place % 2 else order}\n".encode())
    return found


def bare(address: Address, users: int, seconds: float, roots: Mapping[int, str]) -> Step:
    """The same requests to a server that does nothing with them."""
    crowd = Crowd([_traders.Trader(f"u{number}", "a=b", "c") for number in range(users)], "00000000")
    before = _gauge.read(roots)
    answers = _http.flat_out(address, users, crowd.request, seconds, 2)
    return step(0, answers, _gauge.cost(before, _gauge.read(roots)))
