"""Every rule that a log can break, and every thing worth a warning: what stands behind each id in a report."""

from types import MappingProxyType
from typing import Final

RULES: Final = MappingProxyType(
    {
        "xml": "the file is well-formed XML with the root <log>, without a document type declaration",
        "schema": "every event is valid by grader/logfile.xsd",
        "empty": "there is an event to grade",
        "seconds": "timestamps are milliseconds, not seconds",
        "time-order": "timestamps never decrease in the file",
        "one-time": "all events of one command, fire or expiry carry one timestamp",
        "stray-event": "an effect stands right after the command, fire or expiry that caused it, with its number",
        "event-extra": "a command leaves no event that the contract does not name",
        "arguments": "the userCommand and errorEvent of a command show its arguments, and only those that it takes",
        "missing-command": "every line of the workload has its userCommand",
        "wrong-command": "a userCommand shows what the workload's line of that number says",
        "renumbered-command": "a userCommand has the number of its line",
        "doubled-command": "a command is audited once",
        "user-order": "the commands of a user stand in the order of the workload",
        "error-code": "an errorMessage begins with one of the codes that are audited",
        "wrong-code": "a refused command has the code that the contract's order of checks gives",
        "accepted-wrongly": "a command that must be refused is refused",
        "refused-wrongly": "a command that must succeed succeeds",
        "commit-expired": "an expired BUY or SELL is never committed or cancelled",
        "commit-older": "COMMIT and CANCEL take the newest pending",
        "move-missing": "every change of cash has its accountTransaction",
        "move-wrong": "an accountTransaction has the sum that the oracle derives",
        "move-extra": "an accountTransaction has a cause",
        "price-missing": "a price used is its command's own hit or stands in a systemEvent",
        "price-unquoted": "a price used was quoted for that symbol before",
        "price-stale": "a price used is of a quote that was still alive",
        "price-redundant": "a command that uses its own newest hit leaves no systemEvent",
        "hit-price": "a hit has a positive price",
        "key-reused": "no two hits have the same cryptokey",
        "hit-cached": "a use of the cache is not logged as a hit",
        "hit-attribution": "a hit stands under a command or armed trigger of that user, number and symbol",
        "fire-unarmed": "only an armed trigger fires",
        "fire-doubled": "a trigger fires once",
        "fire-number": "a fire has the number of the SET_*_TRIGGER that armed it",
        "fire-price": "a trigger fires within its price",
        "fire-unquoted": "a trigger fires at a price that was quoted for that symbol before",
        "fire-stale": "a trigger fires at a quote that was still alive",
        "fire-too-small": "a buy trigger fires only when its reserve buys a whole share",
        "fire-missing": "a trigger whose price a cached quote reached for over 2 s has fired",
        "no-trigger-server": "somebody fires the triggers and keeps their prices fresh",
        "expiry-missing": "a pending that is too old has expired, at the latest before its user's next command",
        "expiry-early": "a pending does not expire before its time",
        "expiry-unknown": "only a pending that is there expires",
    }
)
"""Rule id to the rule."""

WARNINGS: Final = MappingProxyType(
    {
        "expiry-late": "an expiry came over a second after its time",
        "fire-late": "a fire came over 2 s after a cached quote reached its price",
        "hit-unneeded": "a hit was made while an earlier quote of the symbol was still alive",
        "unwatched": "a symbol with an armed trigger had no live quote for over 30 s",
    }
)
"""Things that break no rule and cost something all the same."""
