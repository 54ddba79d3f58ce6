"""What the users of a schedule ask for: small stories, so that commands meet what earlier ones left, and strays."""

from random import Random
from typing import Final

SYMBOLS: Final = ("A", "B", "CD")
USERS: Final = ("ann", "bob", "cat", "dan", "eve")
MOST_CENTS: Final = 400
"""No price is higher, and none lower than an eighth of it."""

_BUY, _SELL = "BUY,{u},{s},{a}", "SELL,{u},{s},{b}"
_STORIES: Final = (
    ("ADD,{u},{a}",),
    ("QUOTE,{u},{s}",),
    (_BUY, "COMMIT_BUY,{u}"),
    (_BUY, "COMMIT_BUY,{u}"),
    (_BUY, "CANCEL_BUY,{u}"),
    (_BUY, _BUY, "COMMIT_BUY,{u}", "COMMIT_BUY,{u}", "COMMIT_BUY,{u}"),
    (_BUY, "QUOTE,{u},{s}", "DISPLAY_SUMMARY,{u}"),
    (_SELL, "COMMIT_SELL,{u}"),
    (_SELL, "CANCEL_SELL,{u}"),
    (_SELL, _BUY, "COMMIT_SELL,{u}"),
    ("SET_BUY_AMOUNT,{u},{s},{a}", "SET_BUY_TRIGGER,{u},{s},{p}"),
    ("SET_BUY_AMOUNT,{u},{s},{a}", "SET_BUY_TRIGGER,{u},{s},{p}", _BUY, "SET_BUY_AMOUNT,{u},{s},{a}"),
    ("SET_BUY_AMOUNT,{u},{s},{a}", "SET_BUY_TRIGGER,{u},{s},{p}", "QUOTE,{u},{s}", "CANCEL_SET_BUY,{u},{s}"),
    ("SET_SELL_AMOUNT,{u},{s},{b}", "SET_SELL_TRIGGER,{u},{s},{p}"),
    ("SET_SELL_AMOUNT,{u},{s},{b}", "SET_SELL_TRIGGER,{u},{s},{p}", _SELL, "SET_SELL_TRIGGER,{u},{s},{p}"),
    (
        "SET_SELL_AMOUNT,{u},{s},{b}",
        "SET_SELL_TRIGGER,{u},{s},{p}",
        "COMMIT_SELL,{u}",
        "CANCEL_SET_SELL,{u},{s}",
    ),
    ("DISPLAY_SUMMARY,{u}",),
)
_STRAYS: Final = (
    "COMMIT_BUY,{u}", "CANCEL_BUY,{u}", "COMMIT_SELL,{u}", "CANCEL_SELL,{u}", "SET_BUY_TRIGGER,{u},{s},{p}",
    "SET_SELL_TRIGGER,{u},{s},{p}", "CANCEL_SET_BUY,{u},{s}", "CANCEL_SET_SELL,{u},{s}", "DUMPLOG,{u},log", "ADD,{u},-1.00",
    "BUY,{u},{s}", "BUY,{u},LONG,1.00", "COMMIT_BUY,nobody", "QUOTE,nobody,{s}", "ADD,b@d,1.00",
)  # fmt: skip
_STRAY_SHARE: Final = 0.12
_OPENING: Final = ("ADD,{u},{o}", "BUY,{u},{s},{o}", "COMMIT_BUY,{u}", "ADD,{u},{a}")


def draw_bodies(chance: Random, users: tuple[str, ...], count: int) -> list[str]:
    """So many requests without their numbers; each user's stories one after the other, the users mixed."""
    symbols = SYMBOLS[: chance.randint(1, len(SYMBOLS))]
    open_stories = {user: list(_OPENING) for user in users}
    symbol_of = {user: chance.choice(symbols) for user in users}
    bodies = []
    for _ in range(count):
        user = chance.choice(users)
        if chance.random() < _STRAY_SHARE:
            form, symbol = chance.choice(_STRAYS), chance.choice(symbols)
        else:
            if not open_stories[user]:
                open_stories[user] = list(chance.choice(_STORIES))
                symbol_of[user] = chance.choice(symbols)
            form, symbol = open_stories[user].pop(0), symbol_of[user]
        bodies.append(
            form.format(
                u=user, s=symbol, a=_dollars(chance, 50, 4_000), b=_dollars(chance, 50, 900), p=_dollars(chance, 50, 400),
                o=_dollars(chance, 1_000, 9_000),
            )
        )  # fmt: skip
    return bodies


def _dollars(chance: Random, low: int, high: int) -> str:
    return f"{chance.randint(low, high) / 100:.2f}"
