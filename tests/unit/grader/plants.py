"""Corruptions: each changes one thing in the records of a right log, or says that this log has no place for it.

A place is chosen by what the contract says of it, never by what the grader finds.
"""

import random
from collections.abc import Callable, Iterator
from itertools import pairwise

from core.money import format_cents
from tests.unit.grader.market import Record, cents_of

Records = list[Record]
Plant = Callable[[Records, random.Random], bool]
"""Changes the records in place; False when there is no place for it."""

LIFE_MS = 60_000
PRICED = ("QUOTE", "BUY", "SELL")


def _pick(rng: random.Random, places: list[Record]) -> Record | None:
    return rng.choice(places) if places else None


def _commands(records: Records) -> list[Record]:
    return [record for record in records if record.kind == "command"]


def _kind(records: Records, kind: str) -> list[Record]:
    return [record for record in records if record.kind == kind]


def _cached_uses(records: Records) -> list[Record]:
    return [record for record in _commands(records) if record.has("systemEvent")]


def _drop(record: Record, kind: str) -> None:
    index = next(place for place, (name, _) in enumerate(record.events) if name == kind)
    del record.events[index]


def missing_command(records: Records, rng: random.Random) -> bool:
    record = _pick(rng, _commands(records))
    assert record is not None
    records.remove(record)
    return True


def missing_move(records: Records, rng: random.Random) -> bool:
    record = _pick(rng, [one for one in _commands(records) if one.has("accountTransaction")])
    if record is not None:
        _drop(record, "accountTransaction")
    return record is not None


def extra_move(records: Records, rng: random.Random) -> bool:
    record = _pick(
        rng, [one for one in _commands(records) if one.command == "ADD" and one.has("accountTransaction")]
    )
    if record is not None:
        record.events.append((record.events[1][0], dict(record.events[1][1])))
    return record is not None


def missing_own_hit(records: Records, rng: random.Random) -> bool:
    """The hit of a command that used it, and so has no systemEvent."""
    users = {
        (one.user, one.number)
        for one in _commands(records)
        if one.command in PRICED and not one.has("systemEvent")
    }
    refused = {(one.user, one.number) for one in _commands(records) if one.has("errorEvent")}
    hits = _kind(records, "hit")
    own = [(one.user, one.number) for one in hits]
    places = [
        one
        for one in hits
        if (one.user, one.number) in users - refused and own.count((one.user, one.number)) == 1
    ]
    record = _pick(rng, places)
    if record is not None:
        records.remove(record)
    return record is not None


def missing_shared_hit(records: Records, rng: random.Random) -> bool:
    """A hit whose price another command used, and which was quoted only once."""
    hits = _kind(records, "hit")
    prices = [(one.head["stockSymbol"], one.head["price"]) for one in hits]
    used = {(use.head["stockSymbol"], use.all("systemEvent")[0]["funds"]) for use in _cached_uses(records)}
    places = [
        hit for hit, price in zip(hits, prices, strict=True) if price in used and prices.count(price) == 1
    ]
    record = _pick(rng, places)
    if record is not None:
        records.remove(record)
    return record is not None


def missing_fire(records: Records, rng: random.Random) -> bool:
    """A fire whose trigger nobody touches for over 2 s, while the quote it fired at lives on and the log goes on."""
    record = _pick(rng, [one for one in _kind(records, "fire") if _would_have_waited(records, one)])
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
        for one in _kind(records, "hit")
        if one.head["stockSymbol"] == symbol and one.head["price"] == price and one.time_ms <= fire.time_ms
    ]
    return max(quoted) + LIFE_MS > until_ms


def missing_expiry(records: Records, rng: random.Random) -> bool:
    """An expiry after which its user sends another command."""
    places = [
        one
        for one in _kind(records, "expiry")
        if any(later.user == one.user and later.time_ms > one.time_ms for later in _commands(records))
    ]
    record = _pick(rng, places)
    if record is not None:
        records.remove(record)
    return record is not None


def doubled_fire(records: Records, rng: random.Random) -> bool:
    record = _pick(rng, _kind(records, "fire"))
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
    record = _pick(rng, _cached_uses(records))
    if record is not None:
        _reprice(record, 99_999_99)
    return record is not None


def price_a_cent_off(records: Records, rng: random.Random) -> bool:
    """A use of a cached price, changed by a cent to one that its symbol never had."""
    quoted = {(one.head["stockSymbol"], cents_of(one.head)) for one in _kind(records, "hit")}
    places = [
        one
        for one in _cached_uses(records)
        if (one.head["stockSymbol"], cents_of(one.all("systemEvent")[0]) + 1) not in quoted
    ]
    record = _pick(rng, places)
    if record is not None:
        _reprice(record, cents_of(record.all("systemEvent")[0]) + 1)
    return record is not None


def stale_price(records: Records, rng: random.Random) -> bool:
    """A use of a cached price, changed to one that the symbol had over a minute ago and not since."""
    places = [(one, cents) for one in _cached_uses(records) for cents in _old_prices(records, one)]
    if not places:
        return False
    record, cents = rng.choice(places)
    _reprice(record, cents)
    return True


def _old_prices(records: Records, use: Record) -> Iterator[int]:
    hits = [one for one in _kind(records, "hit") if one.head["stockSymbol"] == use.head["stockSymbol"]]
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
    hits = _kind(records, "hit")
    prices = [(one.head["stockSymbol"], one.head["price"]) for one in hits]
    own = {
        (one.user, one.number): one
        for one in hits
        if prices.count((one.head["stockSymbol"], one.head["price"])) == 1
    }
    places = [
        one
        for one in _commands(records)
        if one.command in PRICED and (one.user, one.number) in own and len(one.events) > 1 and not one.has("systemEvent")
        and not one.has("errorEvent")
    ]  # fmt: skip
    record = _pick(rng, places)
    if record is not None:
        fields = {name: text for name, text in record.head.items() if name != "funds"}
        price = own[record.user, record.number].head["price"]
        record.events.insert(1, ("systemEvent", fields | {"funds": price}))
    return record is not None


def move_a_cent_off(records: Records, rng: random.Random) -> bool:
    record = _pick(rng, [one for one in records if one.has("accountTransaction")])
    if record is not None:
        move = rng.choice(record.all("accountTransaction"))
        move["funds"] = format_cents(cents_of(move) + 1)
    return record is not None


def float_funds(records: Records, rng: random.Random) -> bool:
    record = _pick(rng, [one for one in records if one.has("accountTransaction")])
    if record is not None:
        move = rng.choice(record.all("accountTransaction"))
        move["funds"] += rng.choice(("0", "000000001", "e0"))
    return record is not None


def lost_refund(records: Records, rng: random.Random) -> bool:
    """The cash that comes back when a buy expires or a buy trigger fires."""
    record = _pick(
        rng, [one for one in records if one.kind in ("expiry", "fire") and one.has("accountTransaction")]
    )
    if record is not None:
        _drop(record, "accountTransaction")
    return record is not None


def wrong_code(records: Records, rng: random.Random) -> bool:
    record = _pick(rng, [one for one in _commands(records) if one.has("errorEvent")])
    if record is not None:
        error = record.all("errorEvent")[0]
        right = error["errorMessage"].split(":")[0]
        codes = ("INSUFFICIENT_FUNDS", "INSUFFICIENT_SHARES", "TOO_SMALL", "NOTHING_PENDING", "EXPIRED", "NOT_SET",
                 "NO_AMOUNT_SET", "UNKNOWN_USER", "BAD_AMOUNT", "BAD_SYMBOL", "BAD_REQUEST", "FORBIDDEN")  # fmt: skip
        error["errorMessage"] = rng.choice([code for code in codes if code != right])
    return record is not None


def unknown_code(records: Records, rng: random.Random) -> bool:
    record = _pick(rng, [one for one in _commands(records) if one.has("errorEvent")])
    if record is not None:
        record.all("errorEvent")[0]["errorMessage"] = rng.choice(("no", "BUSY: later", "INSUFFICIENT_FUND"))
    return record is not None


def refusal_unlogged(records: Records, rng: random.Random) -> bool:
    record = _pick(rng, [one for one in _commands(records) if one.has("errorEvent")])
    if record is not None:
        _drop(record, "errorEvent")
    return record is not None


def success_refused(records: Records, rng: random.Random) -> bool:
    record = _pick(rng, [one for one in _commands(records) if not one.has("errorEvent")])
    if record is not None:
        record.events = [event for event in record.events if event[0] != "accountTransaction"]
        record.events.append(("errorEvent", dict(record.head) | {"errorMessage": "NOT_SET: planted"}))
    return record is not None


def swapped_commands(records: Records, rng: random.Random) -> bool:
    """Two neighbouring commands of one user change places and times."""
    by_user: dict[str, list[Record]] = {}
    for record in _commands(records):
        by_user.setdefault(record.user, []).append(record)
    pairs = [(a, b) for user, own in by_user.items() if user for a, b in pairwise(own)]
    first, second = rng.choice(pairs)
    first.time_ms, second.time_ms = second.time_ms, first.time_ms
    first.sequence, second.sequence = second.sequence, first.sequence
    return True


def renumbered_fire(records: Records, rng: random.Random) -> bool:
    record = _pick(rng, _kind(records, "fire"))
    if record is not None:
        for _, fields in record.events:
            fields["transactionNum"] = str(record.number + 1)
    return record is not None


def renumbered_command(records: Records, rng: random.Random) -> bool:
    record = _pick(rng, _commands(records))
    assert record is not None
    for _, fields in record.events:
        fields["transactionNum"] = str(record.number + 1_000_000)
    return True


def changed_argument(records: Records, rng: random.Random) -> bool:
    record = _pick(
        rng, [one for one in _commands(records) if one.command == "ADD" and not one.has("errorEvent")]
    )
    assert record is not None
    for _, fields in record.events:
        fields["funds"] = format_cents(cents_of(fields) + 100)
    return True


def doubled_command(records: Records, rng: random.Random) -> bool:
    record = _pick(rng, _commands(records))
    assert record is not None
    events = [(name, dict(fields)) for name, fields in record.events]
    records.insert(
        records.index(record) + 1,
        Record("command", record.time_ms, record.user, record.number, record.sequence, events),
    )
    return True


def reused_key(records: Records, rng: random.Random) -> bool:
    hits = _kind(records, "hit")
    if len(hits) < 2:
        return False
    first, second = rng.sample(hits, 2)
    second.head["cryptokey"] = first.head["cryptokey"]
    return True


def _log_cache_use(records: Records, rng: random.Random, key: str | None) -> bool:
    """A use of a cached price is written as a hit of that command, instead of a systemEvent."""
    places = []
    for use in _cached_uses(records):
        price = use.all("systemEvent")[0]
        for hit in _kind(records, "hit"):
            same = (hit.head["stockSymbol"], hit.head["price"]) == (price["stockSymbol"], price["funds"])
            live = (
                0 <= use.time_ms - int(hit.head["quoteServerTime"]) <= LIFE_MS and hit.time_ms < use.time_ms
            )
            if same and live:
                places.append((use, hit))
    if not places:
        return False
    use, hit = rng.choice(places)
    _drop(use, "systemEvent")
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
    record = _pick(rng, _kind(records, "hit"))
    if record is not None:
        record.head["username"] = "somebody"
    return record is not None


def time_goes_back(records: Records, rng: random.Random) -> bool:
    """All events of one command say an earlier time than the event before them; they stay where they are."""
    place = rng.randrange(1, len(records))
    record = records[place]
    earlier = min(record.time_ms, records[place - 1].time_ms) - 1
    for _, fields in record.events:
        fields["timestamp"] = str(earlier)
    return True


def effect_at_another_time(records: Records, rng: random.Random) -> bool:
    record = _pick(rng, [one for one in _commands(records) if one.has("accountTransaction")])
    if record is not None:
        record.all("accountTransaction")[0]["timestamp"] = str(record.time_ms + 1)
    return record is not None


def fire_beyond_price(records: Records, rng: random.Random) -> bool:
    record = _pick(rng, _kind(records, "fire"))
    if record is not None:
        record.head["funds"] = "99999.99" if record.command == "SET_BUY_TRIGGER" else "0.01"
    return record is not None


def renumbered_expiry(records: Records, rng: random.Random) -> bool:
    record = _pick(rng, _kind(records, "expiry"))
    if record is not None:
        for _, fields in record.events:
            fields["transactionNum"] = str(record.number + 1_000_000)
    return record is not None


def amount_on_commit(records: Records, rng: random.Random) -> bool:
    record = _pick(rng, [one for one in _commands(records) if one.command == "COMMIT_BUY"])
    if record is not None:
        record.head["funds"] = "0.00"
    return record is not None


def error_of_another_symbol(records: Records, rng: random.Random) -> bool:
    places = [one for one in _commands(records) if one.has("errorEvent") and "stockSymbol" in one.head]
    record = _pick(rng, places)
    if record is not None:
        record.all("errorEvent")[0]["stockSymbol"] = "ZZZ"
    return record is not None


def none_as_text(records: Records, rng: random.Random) -> bool:
    record = _pick(rng, [one for one in _commands(records) if "stockSymbol" not in one.head])
    assert record is not None
    record.head["stockSymbol"] = rng.choice(("None", ""))
    return True


def second_timestamps(records: Records, rng: random.Random) -> bool:
    for record in records:
        for _, fields in record.events:
            fields["timestamp"] = str(record.time_ms // 1000)
    return True


def float_timestamp(records: Records, rng: random.Random) -> bool:
    record = rng.choice(records)
    for _, fields in record.events:
        fields["timestamp"] = f"{record.time_ms}.0"
    return True


def free_hit(records: Records, rng: random.Random) -> bool:
    record = _pick(rng, _kind(records, "hit"))
    if record is not None:
        record.head["price"] = "0.00"
    return record is not None


def price_of_unpriced(records: Records, rng: random.Random) -> bool:
    record = _pick(
        rng, [one for one in _commands(records) if one.command in ("ADD", "COMMIT_BUY", "NOT_SET")]
    )
    assert record is not None
    record.events.insert(1, ("systemEvent", dict(record.head) | {"funds": "1.00"}))
    return True


PLANTS: dict[Plant, tuple[str, ...]] = {
    missing_command: ("missing-command",),
    missing_move: ("move-missing",),
    extra_move: ("move-extra",),
    missing_own_hit: ("price-missing",),
    missing_shared_hit: ("price-unquoted", "price-missing"),
    missing_fire: ("fire-missing",),
    missing_expiry: ("expiry-missing",),
    doubled_fire: ("fire-doubled",),
    never_quoted_price: ("price-unquoted",),
    price_a_cent_off: ("price-unquoted",),
    stale_price: ("price-stale",),
    price_though_own_hit: ("price-redundant",),
    move_a_cent_off: ("move-wrong",),
    float_funds: ("schema",),
    lost_refund: ("move-missing",),
    wrong_code: ("wrong-code",),
    unknown_code: ("error-code",),
    refusal_unlogged: ("accepted-wrongly", "commit-expired"),
    success_refused: ("refused-wrongly",),
    swapped_commands: ("user-order",),
    renumbered_fire: ("fire-number",),
    renumbered_command: ("renumbered-command",),
    changed_argument: ("wrong-command",),
    doubled_command: ("doubled-command",),
    reused_key: ("key-reused",),
    cache_use_as_hit: ("key-reused",),
    cache_use_as_hit_with_new_key: ("hit-cached",),
    hit_of_another_user: ("hit-attribution",),
    time_goes_back: ("time-order",),
    effect_at_another_time: ("one-time", "time-order"),
    fire_beyond_price: ("fire-price",),
    renumbered_expiry: ("expiry-unknown",),
    amount_on_commit: ("arguments",),
    error_of_another_symbol: ("arguments",),
    none_as_text: ("schema",),
    second_timestamps: ("seconds",),
    float_timestamp: ("schema",),
    free_hit: ("hit-price",),
    price_of_unpriced: ("event-extra",),
}
"""Each corruption and the rules of which one at least must be broken by it."""
