"""The headers that every answer carries, whoever wrote it: a resource, an error, a static file.

A WSGI middleware around everything, so that nothing can be forgotten.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

CONTENT_SECURITY_POLICY: Final = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "manifest-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ]
)

ALWAYS: Final = (
    ("Content-Security-Policy", CONTENT_SECURITY_POLICY),
    ("Strict-Transport-Security", "max-age=63072000; includeSubDomains"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
    (
        "Permissions-Policy",
        "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    ),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
)
"""On every answer (OWASP Secure Headers; ASVS 5.0 chapter 3.4)."""

_NO_STORE: Final = ("Cache-Control", "no-store")
_NAMES: Final = frozenset(name.lower() for name, _ in ALWAYS)


class Headers:
    """WSGI middleware: the application with those headers, and with `no-store` where an answer says nothing about caching."""

    def __init__(self, application: "WSGIApplication") -> None:
        self._application = application

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], *rest: object) -> object:
            kept = [pair for pair in headers if pair[0].lower() not in _NAMES]
            if not any(name.lower() == "cache-control" for name, _ in kept):
                kept.append(_NO_STORE)
            return start_response(status, [*kept, *ALWAYS], *rest)  # type: ignore[arg-type]

        return self._application(environ, start)  # type: ignore[arg-type]
