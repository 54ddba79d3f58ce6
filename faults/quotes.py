"""Faults of the quotes: a slow, absent or babbling quote server, and a cache that is emptied."""

import time
from collections import Counter
from pathlib import Path
from typing import Final

import redis

from faults import kills, probe
from faults.arena import QUIET_DELAY, Arena
from faults.model import Step, Strike
from faults.schedule import BRIEFLY, FOR_LONG

SLOW_MS: Final = 4_000
"""The slowest answer that was ever measured (quote-server.md)."""
GARBAGE: Final = "garbage:0.3,cut:0.2,drip:0.1,refuse:0.2,hang:0.05"
GARBAGE_S: Final = 5.0
_SECONDS: Final = {BRIEFLY: 5.0, FOR_LONG: 22.0}
_UNAVAILABLE: Final = "QUOTE_UNAVAILABLE"


def slow(arena: Arena, step: Step) -> Strike:
    """Every answer takes four seconds."""
    time_ms, start_s = kills.now_ms(), time.monotonic()
    arena.say_delay(f"fixed:{SLOW_MS}")
    (reply,) = arena.ask(f"QUOTE,{arena.user()},{probe.quote_symbol()}")
    arena.say_delay(QUIET_DELAY)
    took_ms = (time.monotonic() - start_s) * 1000
    proof = f"a quote took {took_ms:,.0f} ms" if took_ms >= SLOW_MS and reply.startswith("OK") else ""
    return Strike(step.fault, "", time_ms, proof)


def down(arena: Arena, step: Step) -> Strike:
    """Every request is reset, for a shorter or a longer time than commands wait for a price."""
    time_ms, start_s, before = kills.now_ms(), time.monotonic(), _met(arena)
    seconds = _SECONDS[step.target]
    arena.say_faults("refuse:1")
    line = arena.line(f"QUOTE,{arena.user()},{probe.quote_symbol()}")
    if step.target == FOR_LONG:
        (reply,) = arena.insist([line], 2 * seconds)
    time.sleep(max(0.0, seconds - (time.monotonic() - start_s)))
    arena.say_faults("")
    refused = (_met(arena) - before)["refuse"]
    if step.target == BRIEFLY:
        (reply,) = arena.insist([line])
    probe.works(arena, "quoteserver")
    as_it_must = (_UNAVAILABLE in reply) == (step.target == FOR_LONG)
    return Strike(
        step.fault, step.target, time_ms, f"{refused} requests were reset; a QUOTE: {reply[:40]}" if refused else "",
        wrong="" if as_it_must else f"a QUOTE was answered {reply[:80]}",
    )  # fmt: skip


def garbage(arena: Arena, step: Step) -> Strike:
    """Nonsense, halves, silence, resets and drips."""
    time_ms, before = kills.now_ms(), _met(arena)
    arena.say_faults(GARBAGE)
    time.sleep(GARBAGE_S)
    arena.say_faults("")
    met = _met(arena) - before
    probe.works(arena, "quoteserver")
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(met.items()) if kind != "hit")
    return Strike(step.fault, "", time_ms, kinds if met["garbage"] and met["cut"] else "")


def flush(arena: Arena, step: Step) -> Strike:
    """FLUSHALL: quotes, locks and all."""
    state = arena.state
    file = state.redis_password_file
    password = Path(file).read_text().strip() if file else None
    time_ms = kills.now_ms()
    with redis.Redis.from_url(state.redis_url, password=password) as cache:
        keys = cache.dbsize()
        cache.flushall()
    probe.works(arena, "valkey")
    return Strike(step.fault, "", time_ms, f"{keys} keys were thrown away" if keys else "")


def _met(arena: Arena) -> Counter[str]:
    """How often the quote server gave a hit, and met each fault, so far."""
    return Counter(line.split(" ", 1)[0] for line in arena.record.read_text().splitlines())
