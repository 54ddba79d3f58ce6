"""What comes in and goes out: JSON bodies and query parameters become validated Structs, answers become JSON.

Anything that is not as declared is a BAD_REQUEST that names the field. The whole document is decoded before it is looked at, so
it is bounded first: webclient.app caps bodies, and msgspec gives up on JSON that is nested too deeply.
"""

import re
from collections.abc import Callable
from typing import Any, Final

import msgspec
from flask import Response, request
from gunicorn.http.errors import ParseException

from core.errors import BAD_REQUEST
from core.limits import MAX_WEB_BODY_BYTES
from webclient.keys import parse_key
from webclient.problems import TOO_LARGE, UNSUPPORTED_MEDIA_TYPE, Problem

_PLACE = re.compile(r" - at `(key in )?\$(?:\.(?P<field>[A-Za-z_]+))?[^`]*`\Z")
_UNKNOWN = re.compile(r"Object contains unknown field `(?P<field>[^`]*)`")
_MISSING = re.compile(r"Object missing required field `(?P<field>[^`]*)`")
_WHOLE: Final = "body"
_INTEGER: Final = re.compile(r"0|-?[1-9][0-9]*")
_BOOLEAN: Final = re.compile(r"true|false")
_NOT_SO: Final = "Numbers are written as 12, truth values as true or false."
KEY_HEADER: Final = "Idempotency-Key"


def body_decoder(kind: type) -> Callable[[], Any]:
    """A function that gives the request's JSON body as that Struct, or raises Problem."""
    decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(kind)

    def decode() -> Any:
        if request.mimetype != "application/json":
            raise Problem(UNSUPPORTED_MEDIA_TYPE)
        try:
            return decoder.decode(_body())
        except msgspec.ValidationError as error:
            raise _invalid(error) from error
        except (msgspec.DecodeError, ValueError, RecursionError) as error:
            raise Problem(BAD_REQUEST, "The body is not JSON in UTF-8.") from error

    return decode


def _body() -> bytes:
    """The request's body, said to be so long or in chunks. Raises Problem when it is too long or does not arrive whole."""
    try:
        if request.content_length is not None:
            return request.get_data(cache=False)
        data: bytes = request.environ["wsgi.input"].read(MAX_WEB_BODY_BYTES + 1)
    except (OSError, ParseException) as error:
        raise Problem(BAD_REQUEST, "The body did not arrive.") from error
    if len(data) > MAX_WEB_BODY_BYTES:  # werkzeug would cut it off there, and say nothing
        raise Problem(TOO_LARGE)
    return data


def query_decoder(kind: type) -> Callable[[], dict[str, Any]]:
    """A function that gives `{"query": that Struct}` from the query string, or raises Problem."""
    shapes = _shapes(kind)

    def decode() -> dict[str, Any]:
        given = request.args
        if any(len(values) > 1 for values in given.listvalues()):
            raise Problem(BAD_REQUEST, "A query parameter was given twice.")
        values: dict[str, Any] = given.to_dict()
        for name, shape in shapes.items():
            if name in values:
                if not shape.fullmatch(values[name]):
                    raise Problem(BAD_REQUEST, f"{name}: {_NOT_SO}", errors={name: [_NOT_SO]})
                values[name] = int(values[name]) if shape is _INTEGER else values[name] == "true"
        try:
            return {"query": msgspec.convert(values, kind)}
        except msgspec.ValidationError as error:
            raise _invalid(error) from error

    return decode


def _shapes(kind: type) -> dict[str, re.Pattern[str]]:
    """How numbers and truth values are written. (msgspec's own lax reading would also take 1e3, TRUE, and `null` for nothing.)"""
    shapes = {}
    for field in msgspec.inspect.type_info(kind).fields:  # type: ignore[attr-defined]
        types = field.type.types if isinstance(field.type, msgspec.inspect.UnionType) else [field.type]
        for one in types:
            plain = one.type if isinstance(one, msgspec.inspect.Metadata) else one
            if isinstance(plain, msgspec.inspect.IntType):
                shapes[field.encode_name] = _INTEGER
            elif isinstance(plain, msgspec.inspect.BoolType):
                shapes[field.encode_name] = _BOOLEAN
    return shapes


def no_query() -> dict[str, Any]:
    """For routes without query parameters: any is refused."""
    if request.query_string:
        raise Problem(BAD_REQUEST, "This address takes no query parameters.")
    return {}


def any_query() -> dict[str, Any]:
    """For pages: their query is the client's own, read in the browser."""
    return {}


def idempotency_key() -> str:
    """The Idempotency-Key of the request, without the quotes that it may stand in. Raises Problem."""
    key = parse_key(request.headers.get(KEY_HEADER, ""))
    if key is None:
        advice = (
            "Send the header Idempotency-Key: 8 to 128 visible ASCII characters, new for every new action."
        )
        raise Problem(BAD_REQUEST, advice)
    return key


def json_response(answer: Any, status: int) -> Response:
    """The answer as JSON: bytes as they are, None as an empty response, anything else encoded."""
    if answer is None:
        empty = Response(status=status)
        del empty.headers["Content-Type"]
        return empty
    data = answer if isinstance(answer, bytes) else msgspec.json.encode(answer)
    return Response(data, status, content_type="application/json")


def _invalid(error: msgspec.ValidationError) -> Problem:
    """`Expected ... - at `$.amount`` as a problem that names the field."""
    text = str(error)
    field = _WHOLE
    for pattern in (_UNKNOWN, _MISSING, _PLACE):
        if (match := pattern.search(text)) and match["field"]:
            field = match["field"]
            break
    sentence = _PLACE.sub("", text).replace("`", "")
    return Problem(BAD_REQUEST, f"{field}: {sentence}", errors={field: [sentence]})
