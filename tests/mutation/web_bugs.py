"""The planted bugs of the web client's pure modules (see tests.mutation.bugs)."""

from typing import Final

from tests.mutation.forge import Bug


def _unit(*files: str) -> tuple[str, ...]:
    return tuple(f"tests/unit/webclient/test_{file}.py" for file in files)


WEB: Final = (
    Bug(
        "two users' same key is one request", "webclient.keys",
        'digest = sha256(f"{user}\\0{key}".encode()).digest()',
        'digest = sha256(f"{key}".encode()).digest()',
        _unit("keys"),
    ),
    Bug(
        "a user's name runs into the key", "webclient.keys",
        'digest = sha256(f"{user}\\0{key}".encode()).digest()',
        'digest = sha256(f"{user}{key}".encode()).digest()',
        _unit("keys"),
    ),
    Bug(
        "a key in quotes is another one", "webclient.keys",
        """return header.strip('"') if _KEY.fullmatch(header) else None""",
        "return header if _KEY.fullmatch(header) else None",
        _unit("keys"),
    ),
    Bug(
        "repeats of a number are answered newest first", "webclient.channel",
        "question = asked[0]",
        "question = asked[-1]",
        _unit("channel"),
    ),
    Bug(
        "what nobody waits for is asked again after a loss", "webclient.channel",
        "if question.abandoned:",
        "if question.abandoned and not self._by_number:",
        _unit("channel"),
    ),
    Bug(
        "after a loss the session is not named", "webclient.channel",
        "self._output = [self._greeting, *[question.line for question in self._in_order]]",
        "self._output = [question.line for question in self._in_order]",
        _unit("channel"),
    ),
    Bug(
        "a code that nobody knows is a refusal", "webclient.commands",
        'if kind == b"ERR" and (refused := _refusal.decode(body)).code in CODES:',
        'if kind == b"ERR" and (refused := _refusal.decode(body)).code:',
        _unit("commands"),
    ),
    Bug(
        "an amount of nothing may be sent", "webclient.commands",
        "return cents if cents is not None and is_amount(cents) else None",
        "return cents",
        _unit("bodies"),
    ),
    Bug(
        "a bad price is said of the amount", "webclient.bodies",
        "raise Problem(BAD_AMOUNT, _BAD_AMOUNT, errors={field: [_BAD_AMOUNT]})",
        'raise Problem(BAD_AMOUNT, _BAD_AMOUNT, errors={"amount": [_BAD_AMOUNT]})',
        _unit("bodies"),
    ),
)  # fmt: skip
