"""A user's own audit log: DUMPLOG writes a file of a secret name, which is sent and is gone."""

import contextlib
import secrets
from pathlib import Path
from typing import Final

from apiflask import APIBlueprint
from flask import Response, request
from werkzeug.wsgi import wrap_file

from core import commands as c
from core.errors import BUSY, UNKNOWN_USER
from webclient import trade
from webclient.access import OWNER_OR_SUPERVISOR, access
from webclient.commands import Command
from webclient.parts import parts

blueprint = APIBlueprint("log", __name__, url_prefix="/api/users/<user>", tag="Log")

_LEFT_BEHIND_MS: Final = 600_000
"""A file that is so old is one whose asker is gone: the answer came too late for him."""


@blueprint.get("/log")
@access(OWNER_OR_SUPERVISOR, media="application/xml", refuses=(UNKNOWN_USER, BUSY))
def download_log(user: str) -> Response:
    """Everything that happened to the account, as XML by the course's schema."""
    folder = parts().settings.log_dir
    _sweep(folder, parts().clock.now_ms() - _LEFT_BEHIND_MS)
    path = folder / f"web-{secrets.token_hex(16)}.xml"
    trade.read(Command(c.DUMPLOG, user, filename=path.name))
    file = path.open("rb")
    path.unlink()  # whatever becomes of the download, nothing stays; what is open can still be read
    size = file.seek(0, 2)
    file.seek(0)
    headers = {
        "Content-Length": str(size),
        "Content-Disposition": f'attachment; filename="daytrade-{user}.xml"',
    }
    return Response(
        wrap_file(request.environ, file),
        headers=headers,
        content_type="application/xml",
        direct_passthrough=True,
    )


def _sweep(folder: Path, before_ms: int) -> None:
    """Removes what nobody fetched."""
    for path in folder.glob("web-*.xml"):
        with contextlib.suppress(FileNotFoundError):  # another worker was quicker
            if path.stat().st_mtime_ns < before_ms * 1_000_000:
                path.unlink()
