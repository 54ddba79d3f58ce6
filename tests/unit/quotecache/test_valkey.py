"""The scripts, on a real Valkey: who fetches, what is stored, what is told."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, cast

import pytest
import redis
import uvloop
from redis.commands.core import AsyncScript

from core.errors import Unavailable
from core.limits import QUOTE_EMPTIED_PAUSE_MS, QUOTE_LOCK_MS
from quotecache.freshness import Quote
from quotecache.valkey import SharedQuotes, connect
from stack import ports
from tests.conftest import Cache

pytestmark = pytest.mark.services

LIFE_MS = 60_000
NOW_MS = 1_800_000_000_000


def quote(symbol: str, time_ms: int = NOW_MS, key: str = "k", price_cents: int = 100) -> Quote:
    return Quote(symbol, price_cents, "ann", time_ms, key, 1, 2)


class Bench:
    """Several processes' views of one Valkey, and a look at its keys."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._made: list[SharedQuotes] = []
        self.keys = redis.Redis.from_url(cache.url, password=cache.password)

    def process(self) -> SharedQuotes:
        self._made.append(SharedQuotes(connect(self._cache.url, self._cache.password), LIFE_MS))
        return self._made[-1]

    def run(self, case: Callable[["Bench"], Coroutine[Any, Any, None]]) -> None:
        async def body() -> None:
            await case(self)
            for one in self._made:
                await one.close()

        uvloop.run(body())
        self.keys.close()


@pytest.fixture
def bench(redis_db: Cache) -> Bench:
    return Bench(redis_db)


def test_one_wins_and_the_others_wait(bench: Bench) -> None:
    async def case(bench: Bench) -> None:
        one, other = bench.process(), bench.process()
        assert await one.ask(["A", "B"], NOW_MS) == [True, True]
        assert await other.ask(["B", "C"], NOW_MS) == [False, True]
        assert 0 < bench.keys.pttl("quote-lock:A") <= QUOTE_LOCK_MS

    bench.run(case)


def test_who_has_won_wins_again_should_the_answer_be_lost(bench: Bench) -> None:
    async def case(bench: Bench) -> None:
        one = bench.process()
        assert await one.ask(["A"], NOW_MS) == await one.ask(["A"], NOW_MS) == [True]

    bench.run(case)


def test_a_shared_quote_is_there_for_everybody_and_its_lock_is_gone(bench: Bench) -> None:
    async def case(bench: Bench) -> None:
        one, other = bench.process(), bench.process()
        await one.ask(["A", "B"], NOW_MS)
        await one.share([quote("A")], [], NOW_MS)
        assert await other.ask(["A", "B"], NOW_MS) == [quote("A"), False]
        assert not bench.keys.exists("quote-lock:A")

    bench.run(case)


def test_what_is_given_up_can_be_won(bench: Bench) -> None:
    async def case(bench: Bench) -> None:
        one, other = bench.process(), bench.process()
        await one.ask(["A"], NOW_MS)
        await one.share([], ["A"], NOW_MS)
        assert await other.ask(["A"], NOW_MS) == [True]

    bench.run(case)


def test_nobody_gives_up_the_lock_of_another(bench: Bench) -> None:
    async def case(bench: Bench) -> None:
        one, other = bench.process(), bench.process()
        await one.ask(["A", "B"], NOW_MS)
        await other.share([quote("A")], ["B"], NOW_MS)
        assert bench.keys.exists("quote-lock:A", "quote-lock:B") == 2

    bench.run(case)


def test_a_quote_that_is_over_by_the_askers_clock_is_none(bench: Bench) -> None:
    async def case(bench: Bench) -> None:
        one = bench.process()
        await one.share([quote("A")], [], NOW_MS)
        assert await one.ask(["A"], NOW_MS + LIFE_MS) == [quote("A")]
        assert await one.ask(["A"], NOW_MS + LIFE_MS + 1) == [True]

    bench.run(case)


def test_a_quote_is_kept_for_what_is_left_of_its_life(bench: Bench) -> None:
    async def case(bench: Bench) -> None:
        one = bench.process()
        ages = {"OLD": 50_000, "NEW": 0, "ADV": -30_000, "END": LIFE_MS, "PAS": LIFE_MS + 1}
        await one.share([quote(symbol, NOW_MS - age) for symbol, age in ages.items()], [], NOW_MS)
        assert 9_000 < bench.keys.pttl("quote:OLD") <= 10_000
        assert 59_000 < bench.keys.pttl("quote:NEW") <= LIFE_MS
        assert 59_000 < bench.keys.pttl("quote:ADV") <= LIFE_MS
        assert not bench.keys.exists("quote:END", "quote:PAS")

    bench.run(case)


def test_a_quote_never_replaces_a_newer_one(bench: Bench) -> None:
    async def case(bench: Bench) -> None:
        one = bench.process()
        for shared, stays in [
            (quote("A", NOW_MS, "m"), "m"),
            (quote("A", NOW_MS - 1, "z"), "m"),
            (quote("A", NOW_MS, "b"), "m"),
            (quote("A", NOW_MS, "n"), "n"),
            (quote("A", NOW_MS + 1, "a"), "a"),
        ]:
            await one.share([shared], [], NOW_MS)
            (answer,) = await one.ask(["A"], NOW_MS)
            assert isinstance(answer, Quote)
            assert answer.key == stays

    bench.run(case)


def test_after_all_is_lost_the_holders_come_first(bench: Bench) -> None:
    async def case(bench: Bench) -> None:
        holder, waiter = bench.process(), bench.process()
        await holder.ask(["A", "B"], NOW_MS)
        await waiter.ask(["A"], NOW_MS)
        bench.keys.flushdb()
        assert await waiter.ask(["A", "C"], NOW_MS) == [None, None]
        assert 0 < bench.keys.pttl("quote-pause") <= QUOTE_EMPTIED_PAUSE_MS
        await holder.hold({"A"})
        bench.keys.delete("quote-pause")
        assert await waiter.ask(["A", "B", "C"], NOW_MS) == [False, True, True]

    bench.run(case)


def test_a_holder_that_notices_first_starts_the_pause_too(bench: Bench) -> None:
    async def case(bench: Bench) -> None:
        holder, newcomer = bench.process(), bench.process()
        await holder.ask(["A"], NOW_MS)
        bench.keys.flushdb()
        await holder.hold({"A"})
        assert await newcomer.ask(["A", "B"], NOW_MS) == [False, None]

    bench.run(case)


def test_who_lost_the_first_answer_notices_too_that_all_was_lost(bench: Bench) -> None:
    """Its call was heard, and others may have been told since to wait for one another: it may not begin anew after a flush."""

    async def case(bench: Bench) -> None:
        one, other = bench.process(), bench.process()
        real = one._ask

        async def deaf(**of_the_call: Any) -> object:
            await real(**of_the_call)
            raise redis.exceptions.ConnectionError

        one._ask = cast("AsyncScript", deaf)
        with pytest.raises(Unavailable):
            await one.ask(["A"], NOW_MS)
        one._ask = real
        assert await other.ask(["B"], NOW_MS) == [True]
        bench.keys.flushall()
        assert await one.ask(["B"], NOW_MS) == [None]

    bench.run(case)


def test_hold_renews_ours_and_leaves_theirs(bench: Bench) -> None:
    async def case(bench: Bench) -> None:
        one, other = bench.process(), bench.process()
        await one.ask(["A"], NOW_MS)
        await other.ask(["B"], NOW_MS)
        theirs = bench.keys.get("quote-lock:B")
        bench.keys.pexpire("quote-lock:A", 50)
        await one.hold({"A", "B"})
        assert bench.keys.pttl("quote-lock:A") > 50
        assert bench.keys.get("quote-lock:B") == theirs

    bench.run(case)


def test_a_lock_given_up_while_hold_waited_for_its_turn_is_not_put_back(bench: Bench) -> None:
    async def case(bench: Bench) -> None:
        one = bench.process()
        await one.ask(["A"], NOW_MS)
        held = {"A"}

        async def give_up() -> None:
            await one.share([], ["A"], NOW_MS)
            held.clear()

        await asyncio.gather(give_up(), one.hold(held))
        assert not bench.keys.exists("quote-lock:A")

    bench.run(case)


def test_everybody_is_told_in_one_message(bench: Bench) -> None:
    async def case(bench: Bench) -> None:
        one, other = bench.process(), bench.process()
        told = other.told()
        assert await anext(told) == []
        await one.share([quote("A"), quote("B")], ["C"], NOW_MS)
        await one.share([], ["C"], NOW_MS)
        await one.share([quote("C")], [], NOW_MS)
        assert await anext(told) == [quote("A"), quote("B")]
        assert await anext(told) == [quote("C")]
        await told.aclose()

    bench.run(case)


def test_another_logical_database_hears_nothing(bench: Bench, redis_db: Cache) -> None:
    async def case(bench: Bench) -> None:
        stranger = SharedQuotes(connect(redis_db.url.replace("/0", "/1"), redis_db.password), LIFE_MS)
        one = bench.process()
        told = one.told()
        assert await anext(told) == []
        await stranger.share([quote("A")], [], NOW_MS)
        await one.share([quote("B")], [], NOW_MS)
        assert await anext(told) == [quote("B")]
        assert await one.ask(["A"], NOW_MS) == [True]
        await told.aclose()
        await stranger.close()

    bench.run(case)


def test_a_server_that_is_away_is_unavailable() -> None:
    async def body() -> None:
        port = ports.reserve()
        absent = SharedQuotes(connect(f"redis://127.0.0.1:{port.port}/0", None), LIFE_MS)
        port.release()
        with pytest.raises(Unavailable):
            await absent.ask(["A"], NOW_MS)
        with pytest.raises(Unavailable):
            await anext(absent.told())
        await absent.close()

    uvloop.run(body())
