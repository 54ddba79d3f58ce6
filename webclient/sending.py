"""What gunicorn does for each request that need not be done: two sends for one answer, and a search for each setting.

A small answer leaves in one send, its head together with the first piece of its body: each send wakes the reader up, and costs
both sides as much as the rest of the parsing. And gunicorn looks a setting up in a table of objects each time it is read,
some sixty times a request; here it is an attribute after the first time.
"""

from typing import Any

from gunicorn import util
from gunicorn.http import wsgi


class Response(wsgi.Response):  # type: ignore[misc]
    """gunicorn's response in one send where it can."""

    headers_sent: bool
    _head: bytes | None = None
    """What was not sent yet, while a piece of the body is about to follow."""

    def send_headers(self) -> None:
        """Sends the head, or keeps it for the body that follows at once."""
        if self.headers_sent:
            return
        lines = [*self.default_headers(), *[f"{name}: {value}\r\n" for name, value in self.headers], "\r\n"]
        head = "".join(lines).encode("latin-1")
        self.headers_sent = True
        if self._head is None:
            util.write(self.sock, head)
        else:
            self._head = head

    def write(self, data: bytes) -> None:
        """Sends a piece of the body, with the head if that is still here."""
        if self.headers_sent:
            super().write(data)
            return
        self._head = b""
        super().write(data)
        head, self._head = self._head, None
        if head:  # there was no body to go with it
            util.write(self.sock, head)

    def _emit_body(self, data: bytes) -> None:
        head = self._head
        if not head:
            super()._emit_body(data)
            return
        self._head = b""
        util.write(self.sock, head + (b"%X\r\n%b\r\n" % (len(data), data) if self.chunked else data))


class Settings:
    """gunicorn's settings; what was asked for once is an attribute."""

    def __init__(self, settings: Any) -> None:
        self._settings = settings

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._settings, name)
        self.__dict__[name] = value
        return value


def install() -> None:
    """Has gunicorn answer with these responses; it has no setting for that."""
    wsgi.Response = Response
