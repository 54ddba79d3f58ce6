"""Corruptions of commands, moves, expiries and forms, and the list of all of them."""

import random
from itertools import pairwise

from core.money import format_cents
from tests.unit.grader import plants_quotes as quotes
from tests.unit.grader.market import Record, cents_of
from tests.unit.grader.planting import (
    Plant,
    Records,
    commands,
    drop,
    of_kind,
    pick,
)


def missing_command(records: Records, rng: random.Random) -> bool:
    record = pick(rng, commands(records))
    assert record is not None
    records.remove(record)
    return True


def missing_move(records: Records, rng: random.Random) -> bool:
    record = pick(rng, [one for one in commands(records) if one.has("accountTransaction")])
    if record is not None:
        drop(record, "accountTransaction")
    return record is not None


def extra_move(records: Records, rng: random.Random) -> bool:
    record = pick(
        rng, [one for one in commands(records) if one.command == "ADD" and one.has("accountTransaction")]
    )
    if record is not None:
        record.events.append((record.events[1][0], dict(record.events[1][1])))
    return record is not None


def missing_expiry(records: Records, rng: random.Random) -> bool:
    """An expiry after which its user sends another command."""
    places = [
        one
        for one in of_kind(records, "expiry")
        if any(later.user == one.user and later.time_ms > one.time_ms for later in commands(records))
    ]
    record = pick(rng, places)
    if record is not None:
        records.remove(record)
    return record is not None


def move_a_cent_off(records: Records, rng: random.Random) -> bool:
    record = pick(rng, [one for one in records if one.has("accountTransaction")])
    if record is not None:
        move = rng.choice(record.all("accountTransaction"))
        move["funds"] = format_cents(cents_of(move) + 1)
    return record is not None


def float_funds(records: Records, rng: random.Random) -> bool:
    record = pick(rng, [one for one in records if one.has("accountTransaction")])
    if record is not None:
        move = rng.choice(record.all("accountTransaction"))
        move["funds"] += rng.choice(("0", "000000001", "e0"))
    return record is not None


def lost_refund(records: Records, rng: random.Random) -> bool:
    """The cash that comes back when a buy expires or a buy trigger fires."""
    record = pick(
        rng, [one for one in records if one.kind in ("expiry", "fire") and one.has("accountTransaction")]
    )
    if record is not None:
        drop(record, "accountTransaction")
    return record is not None


def wrong_code(records: Records, rng: random.Random) -> bool:
    record = pick(rng, [one for one in commands(records) if one.has("errorEvent")])
    if record is not None:
        error = record.all("errorEvent")[0]
        right = error["errorMessage"].split(":")[0]
        codes = ("INSUFFICIENT_FUNDS", "INSUFFICIENT_SHARES", "TOO_SMALL", "NOTHING_PENDING", "EXPIRED", "NOT_SET",
                 "NO_AMOUNT_SET", "UNKNOWN_USER", "BAD_AMOUNT", "BAD_SYMBOL", "BAD_REQUEST", "FORBIDDEN")  # fmt: skip
        error["errorMessage"] = rng.choice([code for code in codes if code != right])
    return record is not None


def unknown_code(records: Records, rng: random.Random) -> bool:
    record = pick(rng, [one for one in commands(records) if one.has("errorEvent")])
    if record is not None:
        record.all("errorEvent")[0]["errorMessage"] = rng.choice(("no", "BUSY: later", "INSUFFICIENT_FUND"))
    return record is not None


def refusal_unlogged(records: Records, rng: random.Random) -> bool:
    record = pick(rng, [one for one in commands(records) if one.has("errorEvent")])
    if record is not None:
        drop(record, "errorEvent")
    return record is not None


def success_refused(records: Records, rng: random.Random) -> bool:
    record = pick(rng, [one for one in commands(records) if not one.has("errorEvent")])
    if record is not None:
        record.events = [event for event in record.events if event[0] != "accountTransaction"]
        record.events.append(("errorEvent", dict(record.head) | {"errorMessage": "NOT_SET: planted"}))
    return record is not None


def swapped_commands(records: Records, rng: random.Random) -> bool:
    """Two neighbouring commands of one user change places and times."""
    by_user: dict[str, list[Record]] = {}
    for record in commands(records):
        by_user.setdefault(record.user, []).append(record)
    pairs = [(a, b) for user, own in by_user.items() if user for a, b in pairwise(own)]
    first, second = rng.choice(pairs)
    first.time_ms, second.time_ms = second.time_ms, first.time_ms
    first.sequence, second.sequence = second.sequence, first.sequence
    return True


def renumbered_command(records: Records, rng: random.Random) -> bool:
    record = pick(rng, commands(records))
    assert record is not None
    for _, fields in record.events:
        fields["transactionNum"] = str(record.number + 1_000_000)
    return True


def changed_argument(records: Records, rng: random.Random) -> bool:
    record = pick(
        rng, [one for one in commands(records) if one.command == "ADD" and not one.has("errorEvent")]
    )
    assert record is not None
    for _, fields in record.events:
        fields["funds"] = format_cents(cents_of(fields) + 100)
    return True


def doubled_command(records: Records, rng: random.Random) -> bool:
    record = pick(rng, commands(records))
    assert record is not None
    events = [(name, dict(fields)) for name, fields in record.events]
    records.insert(
        records.index(record) + 1,
        Record("command", record.time_ms, record.user, record.number, record.sequence, events),
    )
    return True


def time_goes_back(records: Records, rng: random.Random) -> bool:
    """All events of one command say an earlier time than the event before them; they stay where they are."""
    place = rng.randrange(1, len(records))
    record = records[place]
    earlier = min(record.time_ms, records[place - 1].time_ms) - 1
    for _, fields in record.events:
        fields["timestamp"] = str(earlier)
    return True


def effect_at_another_time(records: Records, rng: random.Random) -> bool:
    record = pick(rng, [one for one in commands(records) if one.has("accountTransaction")])
    if record is not None:
        record.all("accountTransaction")[0]["timestamp"] = str(record.time_ms + 1)
    return record is not None


def renumbered_expiry(records: Records, rng: random.Random) -> bool:
    record = pick(rng, of_kind(records, "expiry"))
    if record is not None:
        for _, fields in record.events:
            fields["transactionNum"] = str(record.number + 1_000_000)
    return record is not None


def amount_on_commit(records: Records, rng: random.Random) -> bool:
    record = pick(rng, [one for one in commands(records) if one.command == "COMMIT_BUY"])
    if record is not None:
        record.head["funds"] = "0.00"
    return record is not None


def error_of_another_symbol(records: Records, rng: random.Random) -> bool:
    places = [one for one in commands(records) if one.has("errorEvent") and "stockSymbol" in one.head]
    record = pick(rng, places)
    if record is not None:
        record.all("errorEvent")[0]["stockSymbol"] = "ZZZ"
    return record is not None


def none_as_text(records: Records, rng: random.Random) -> bool:
    record = pick(rng, [one for one in commands(records) if "stockSymbol" not in one.head])
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


def price_of_unpriced(records: Records, rng: random.Random) -> bool:
    record = pick(rng, [one for one in commands(records) if one.command in ("ADD", "COMMIT_BUY", "NOT_SET")])
    assert record is not None
    record.events.insert(1, ("systemEvent", dict(record.head) | {"funds": "1.00"}))
    return True


PLANTS: dict[Plant, tuple[str, ...]] = {
    missing_command: ("missing-command",),
    missing_move: ("move-missing",),
    extra_move: ("move-extra",),
    quotes.missing_own_hit: ("price-missing",),
    quotes.missing_shared_hit: ("price-unquoted", "price-missing"),
    quotes.missing_fire: ("fire-missing",),
    missing_expiry: ("expiry-missing",),
    quotes.doubled_fire: ("fire-doubled",),
    quotes.never_quoted_price: ("price-unquoted",),
    quotes.price_a_cent_off: ("price-unquoted",),
    quotes.stale_price: ("price-stale",),
    quotes.price_though_own_hit: ("price-redundant",),
    move_a_cent_off: ("move-wrong",),
    float_funds: ("schema",),
    lost_refund: ("move-missing",),
    wrong_code: ("wrong-code",),
    unknown_code: ("error-code",),
    refusal_unlogged: ("accepted-wrongly", "commit-expired"),
    success_refused: ("refused-wrongly",),
    swapped_commands: ("user-order",),
    quotes.renumbered_fire: ("fire-number",),
    renumbered_command: ("renumbered-command",),
    changed_argument: ("wrong-command",),
    doubled_command: ("doubled-command",),
    quotes.reused_key: ("key-reused",),
    quotes.cache_use_as_hit: ("key-reused",),
    quotes.cache_use_as_hit_with_new_key: ("hit-cached",),
    quotes.hit_of_another_user: ("hit-attribution",),
    time_goes_back: ("time-order",),
    effect_at_another_time: ("one-time", "time-order"),
    quotes.fire_beyond_price: ("fire-price",),
    renumbered_expiry: ("expiry-unknown",),
    amount_on_commit: ("arguments",),
    error_of_another_symbol: ("arguments",),
    none_as_text: ("schema",),
    second_timestamps: ("seconds",),
    float_timestamp: ("schema",),
    quotes.free_hit: ("hit-price",),
    price_of_unpriced: ("event-extra",),
}
"""Each corruption and the rules of which one at least must be broken by it."""
