"""gunicorn's response in one send: the same bytes as the library's own, whatever the answer looks like."""

import re
from typing import Any

import pytest
from gunicorn.config import Config
from gunicorn.http import wsgi
from hypothesis import given
from hypothesis import strategies as st

from webclient.sending import Response, Settings


class Socket:
    """Keeps what was sent, send by send."""

    def __init__(self) -> None:
        self.sends: list[bytes] = []

    def sendall(self, data: bytes) -> None:
        self.sends.append(bytes(data))


class Asked:
    """As much of a request as a response looks at."""

    def __init__(self, method: str = "GET", version: tuple[int, int] = (1, 1)) -> None:
        self.method = method
        self.version = version

    def should_close(self) -> bool:
        return False


def answered(kind: Any, asked: Asked, status: str, length: int | None, body: list[bytes]) -> list[bytes]:
    """What goes out, send by send, when an application answers so."""
    sock = Socket()
    response = kind(asked, sock, Settings(Config()))
    response.start_response(
        status, [("X-Some", "header"), *([("Content-Length", str(length))] if length is not None else [])]
    )
    for piece in body:
        response.write(piece)
    response.close()
    return sock.sends


def without_date(data: bytes) -> bytes:
    return re.sub(rb"Date: [^\r]*", b"Date:", data)


@given(
    method=st.sampled_from(["GET", "HEAD", "POST"]),
    version=st.sampled_from([(1, 0), (1, 1)]),
    status=st.sampled_from(["200 OK", "201 CREATED", "204 NO CONTENT", "304 NOT MODIFIED", "409 CONFLICT"]),
    body=st.lists(st.binary(max_size=20), max_size=4),
    declared=st.sampled_from(["none", "right", "less"]),
)
def test_the_bytes_are_those_of_the_library(
    method: str, version: tuple[int, int], status: str, body: list[bytes], declared: str
) -> None:
    size = sum(map(len, body))
    length = {"none": None, "right": size, "less": size // 2}[declared]
    asked = Asked(method, version)
    own = answered(Response, asked, status, length, body)
    library = answered(wsgi_response, asked, status, length, body)
    assert without_date(b"".join(own)) == without_date(b"".join(library))
    assert len(own) <= len(library)


wsgi_response: Any = Response.__mro__[1]
"""The library's own, also after `install`."""


@pytest.mark.parametrize("length", [None, 5])
def test_a_small_answer_is_one_send(length: int | None) -> None:
    sends = answered(Response, Asked(), "200 OK", length, [b"hello"])
    ends = [b"0\r\n\r\n"] if length is None else []
    assert [send.endswith((b"hello", b"hello\r\n")) for send in sends[:1]] == [True]
    assert sends[1:] == ends


def test_a_stream_leaves_piece_by_piece() -> None:
    sock = Socket()
    response: Any = Response(Asked(), sock, Settings(Config()))
    response.start_response("200 OK", [("Content-Type", "text/event-stream")])
    response.write(b"one")
    assert sock.sends[-1].endswith(b"3\r\none\r\n")
    response.write(b"two")
    assert sock.sends[1:] == [b"3\r\ntwo\r\n"]


def test_a_file_is_sent_after_its_head() -> None:
    """`sendfile` sends the head by itself first."""
    sock = Socket()
    response: Any = Response(Asked(), sock, Settings(Config()))
    response.start_response("200 OK", [("Content-Length", "5")])
    response.send_headers()
    assert sock.sends[0].endswith(b"Content-Length: 5\r\n\r\n")
    response.write(b"hello")
    assert sock.sends[1:] == [b"hello"]


def test_settings_are_the_librarys() -> None:
    config: Any = Config()
    config.set("keepalive", 7)
    settings = Settings(config)
    assert [settings.keepalive, settings.keepalive, settings.is_ssl] == [7, 7, config.is_ssl]
    assert settings.forwarded_allow_networks() == config.forwarded_allow_networks()
    with pytest.raises(AttributeError):
        _ = settings.no_such_setting


def test_it_is_what_workers_answer_with(monkeypatch: pytest.MonkeyPatch) -> None:
    from webclient import sending

    monkeypatch.setattr(wsgi, "Response", wsgi_response)
    sending.install()
    assert wsgi.Response is Response
