"""Corruptions of quotes, hits and fires."""

import random
from collections.abc import Iterator

from core.money import format_cents
from tests.unit.grader.market import Record, cents_of
from tests.unit.grader.planting import (
    LIFE_MS,
    PRICED,
    Records,
    cached_uses,
    commands,
    drop,
    of_kind,
    pick,
)


def missing_own_hit(records: Records, rng: random.Random) -> bool:
    """The hit of a command that used it, and so has no systemEvent."""
    users = {
        (one.user, one.number)
        for one in commands(records)
        if one.command in PRICED and not one.has("systemEvent")
    }
    refused = {(one.user, one.number) for one in commands(records) if one.has("errorEvent")}
    hits = of_kind(records, "hit")
    own = [(one.user, one.number) for one in hits]
    places = [
        one
        for one in hits
        if (one.user, one.number) in users - refused and own.count((one.user, one.number)) == 1
    ]
    record = pick(rng, places)
    if record is not None:
        records.remove(record)
    return record is not None


def missing_shared_hit(records: Records, rng: random.Random) -> bool:
    """A hit whose price another command used, and which was quoted only once."""
    hits = of_kind(records, "hit")
    prices = [(one.head["stockSymbol"], one.head["price"]) for one in hits]
    used = {(use.head["stockSymbol"], use.all("systemEvent")[0]["funds"]) for use in cached_uses(records)}
    places = [
        hit for hit, price in zip(hits, prices, strict=True) if price in used and prices.count(price) == 1
    ]
    record = pick(rng, places)
    if record is not None:
        records.remove(record)
    return record is not None


def missing_fire(records: Records, rng: random.Random) -> bool:
    """A fire whose trigger nobody touches for over 2 s, while the quote it fired at lives on and the log goes on."""
    record = pick(rng, [one for one in of_kind(records, "fire") if _would_have_waited(records, one)])
    if record is not None:
        records.remove(record)
    return record is not None


def _would_have_waited(records: Records, fire: Record) -> bool:
    symbol, until_ms = fire.head["stockSymbol"], fire.time_ms + 2_300
    if records[-1].time_ms <= until_ms:
        return False
    for record in records:
        near = fire.time_ms <= record.time_ms <= until_ms and record.head.get("stockSymbol") == symbol
        touches = record.kind == "hit" or (record.user == fire.user and "SET_" in record.command)
        if near and touches and record is not fire:
            return False
    price = fire.head["funds"]
    quoted = [
        int(one.head["quoteServerTime"])
        for one in of_kind(records, "hit")
        if one.head["stockSymbol"] == symbol and one.head["price"] == price and one.time_ms <= fire.time_ms
    ]
    return max(quoted) + LIFE_MS > until_ms


def doubled_fire(records: Records, rng: random.Random) -> bool:
    record = pick(rng, of_kind(records, "fire"))
    if record is not None:
        events = [(name, dict(fields)) for name, fields in record.events]
        place = records.index(record) + 1
        records.insert(
            place, Record("fire", record.time_ms, record.user, record.number, record.sequence, events)
        )
    return record is not None


def _reprice(record: Record, cents: int) -> None:
    record.all("systemEvent")[0]["funds"] = format_cents(cents)


def never_quoted_price(records: Records, rng: random.Random) -> bool:
    record = pick(rng, cached_uses(records))
    if record is not None:
        _reprice(record, 99_999_99)
    return record is not None


def price_a_cent_off(records: Records, rng: random.Random) -> bool:
    """A use of a cached price, changed by a cent to one that its symbol never had."""
    quoted = {(one.head["stockSymbol"], cents_of(one.head)) for one in of_kind(records, "hit")}
    places = [
        one
        for one in cached_uses(records)
        if (one.head["stockSymbol"], cents_of(one.all("systemEvent")[0]) + 1) not in quoted
    ]
    record = pick(rng, places)
    if record is not None:
        _reprice(record, cents_of(record.all("systemEvent")[0]) + 1)
    return record is not None


def stale_price(records: Records, rng: random.Random) -> bool:
    """A use of a cached price, changed to one that the symbol had over a minute ago and not since."""
    places = [(one, cents) for one in cached_uses(records) for cents in _old_prices(records, one)]
    if not places:
        return False
    record, cents = rng.choice(places)
    _reprice(record, cents)
    return True


def _old_prices(records: Records, use: Record) -> Iterator[int]:
    hits = [one for one in of_kind(records, "hit") if one.head["stockSymbol"] == use.head["stockSymbol"]]
    live = {
        cents_of(one.head)
        for one in hits
        if one.time_ms <= use.time_ms and use.time_ms - int(one.head["quoteServerTime"]) <= LIFE_MS
    }
    for one in hits:
        if use.time_ms - int(one.head["quoteServerTime"]) > LIFE_MS and cents_of(one.head) not in live:
            yield cents_of(one.head)


def price_though_own_hit(records: Records, rng: random.Random) -> bool:
    """A systemEvent added to a command that used its own hit, which alone has that price."""
    hits = of_kind(records, "hit")
    prices = [(one.head["stockSymbol"], one.head["price"]) for one in hits]
    own = {
        (one.user, one.number): one
        for one in hits
        if prices.count((one.head["stockSymbol"], one.head["price"])) == 1
    }
    places = [
        one
        for one in commands(records)
        if one.command in PRICED and (one.user, one.number) in own and len(one.events) > 1 and not one.has("systemEvent")
        and not one.has("errorEvent")
    ]  # fmt: skip
    record = pick(rng, places)
    if record is not None:
        fields = {name: text for name, text in record.head.items() if name != "funds"}
        price = own[record.user, record.number].head["price"]
        record.events.insert(1, ("systemEvent", fields | {"funds": price}))
    return record is not None


def renumbered_fire(records: Records, rng: random.Random) -> bool:
    record = pick(rng, of_kind(records, "fire"))
    if record is not None:
        for _, fields in record.events:
            fields["transactionNum"] = str(record.number + 1)
    return record is not None


def reused_key(records: Records, rng: random.Random) -> bool:
    hits = of_kind(records, "hit")
    if len(hits) < 2:
        return False
    first, second = rng.sample(hits, 2)
    second.head["cryptokey"] = first.head["cryptokey"]
    return True


def _log_cache_use(records: Records, rng: random.Random, key: str | None) -> bool:
    """A use of a cached price is written as a hit of that command, instead of a systemEvent."""
    places = []
    for use in cached_uses(records):
        price = use.all("systemEvent")[0]
        for hit in of_kind(records, "hit"):
            same = (hit.head["stockSymbol"], hit.head["price"]) == (price["stockSymbol"], price["funds"])
            live = (
                0 <= use.time_ms - int(hit.head["quoteServerTime"]) <= LIFE_MS and hit.time_ms < use.time_ms
            )
            if same and live:
                places.append((use, hit))
    if not places:
        return False
    use, hit = rng.choice(places)
    drop(use, "systemEvent")
    fields = dict(hit.head) | {"username": use.user, "transactionNum": str(use.number)}
    if key is not None:
        fields["cryptokey"] = key
    copy = Record("hit", use.time_ms, use.user, use.number, 0, [("quoteServer", fields)])
    records.insert(records.index(use), copy)
    return True


def cache_use_as_hit(records: Records, rng: random.Random) -> bool:
    return _log_cache_use(records, rng, None)


def cache_use_as_hit_with_new_key(records: Records, rng: random.Random) -> bool:
    return _log_cache_use(records, rng, "another key")


def hit_of_another_user(records: Records, rng: random.Random) -> bool:
    record = pick(rng, of_kind(records, "hit"))
    if record is not None:
        record.head["username"] = "somebody"
    return record is not None


def fire_beyond_price(records: Records, rng: random.Random) -> bool:
    record = pick(rng, of_kind(records, "fire"))
    if record is not None:
        record.head["funds"] = "99999.99" if record.command == "SET_BUY_TRIGGER" else "0.01"
    return record is not None


def free_hit(records: Records, rng: random.Random) -> bool:
    record = pick(rng, of_kind(records, "hit"))
    if record is not None:
        record.head["price"] = "0.00"
    return record is not None
