"""The least that a web server of this make does: one Flask route that answers with a constant, under the same gunicorn.

`DAYTRADE_LISTEN=HOST:PORT python -m bench._bare`. The baseline of `bench.web`: what no work on the web client can save.
"""

from typing import TYPE_CHECKING

from core.settings import Settings
from webclient.server import Server

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


class Bare(Server):
    """gunicorn with the web client's settings around a route of nothing."""

    def load(self) -> "WSGIApplication":
        from flask import Flask, Response, request

        app = Flask(__name__)

        @app.post("/api/users/<user>/buys")
        @app.post("/api/users/<user>/buys/commit")
        def answer(user: str) -> Response:
            request.get_data(cache=False)
            return Response(b'{"cash":"63511.53"}', 201, content_type="application/json")

        return app


if __name__ == "__main__":
    Bare(Settings()).run()
