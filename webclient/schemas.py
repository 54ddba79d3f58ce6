"""The words that several resources share, as types: what they look like is checked when a request comes in, and stands in the
OpenAPI document. (`\\Z`, for `$` lets a line feed through; the document says `$`, which means the same there.)
"""

from typing import Annotated, Final

from msgspec import Meta, Struct

from core.limits import MAX_PASSWORD_CHARACTERS

USER_PATTERN: Final = r"^(?!\.{1,2}\Z)[A-Za-z0-9_.-]{1,64}\Z"
FILE_PATTERN: Final = r"^(?!\.{1,2}\Z)[A-Za-z0-9_.-]{1,128}\Z"
SYMBOL_PATTERN: Final = r"^[A-Za-z]{1,3}\Z"

UserName = Annotated[
    str, Meta(pattern=USER_PATTERN, max_length=64, description="1 to 64 of A-Z a-z 0-9 _ . -")
]
Symbol = Annotated[str, Meta(pattern=SYMBOL_PATTERN, max_length=3, description="1 to 3 letters")]
FileName = Annotated[
    str, Meta(pattern=FILE_PATTERN, max_length=128, description="1 to 128 of A-Z a-z 0-9 _ . -")
]
Password = Annotated[str, Meta(min_length=1, max_length=4 * MAX_PASSWORD_CHARACTERS)]
Milliseconds = Annotated[int, Meta(description="milliseconds since 1970, UTC")]
Money = Annotated[str, Meta(pattern=r"^-?[0-9]+\.[0-9]{2}\Z", description="US dollars with two decimals")]


class Taken(Struct, frozen=True, forbid_unknown_fields=True):
    """Base of everything that a request brings: a field that nobody knows is refused."""
