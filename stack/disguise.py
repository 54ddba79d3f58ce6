"""As whom Postgres runs: it refuses to run as root, and nothing else on the machine is to be changed for it.

A normal user simply runs it. Root runs it in a user namespace of its own, in which it is not root. Where that is forbidden
(most containers), root becomes `nobody`, who owns the data and keeps one right of root's, to pass through any folder: the
data, and Postgres itself, may lie where `nobody` may not look.
"""

import functools
import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

from msgspec import Struct

from stack.errors import StackError

_NOBODY: Final = 65_534
_NAMESPACE: Final = ("unshare", "-U", "--map-user=1000", "--map-group=1000")
_AS_NOBODY: Final = (
    "setpriv", f"--reuid={_NOBODY}", f"--regid={_NOBODY}", "--clear-groups",
    "--inh-caps=+dac_override", "--ambient-caps=+dac_override",
    "--pdeathsig=INT",  # a change of user takes away what guard.py set
)  # fmt: skip


class Disguise(Struct, frozen=True):
    """What stands before a command line, and who then has to own the data."""

    prefix: tuple[str, ...]
    owner: int

    def give(self, folder: Path) -> None:
        """Makes the owner own the folder and all in it."""
        if folder.stat().st_uid != self.owner:
            for path in (folder, *folder.rglob("*")):
                os.chown(path, self.owner, self.owner, follow_symlinks=False)


def find() -> Disguise:
    """How Postgres can be run here. Raises StackError when it cannot."""
    if os.geteuid() != 0:
        return Disguise((), os.geteuid())
    if _works(_NAMESPACE):
        return Disguise(_NAMESPACE, 0)
    if _works(_AS_NOBODY):
        return Disguise(_AS_NOBODY, _NOBODY)
    raise StackError("PostgreSQL does not run as root here: run this as a normal user, or set DATABASE_URL.")


@functools.cache
def _works(prefix: tuple[str, ...]) -> bool:
    if shutil.which(prefix[0]) is None:
        return False
    return subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode == 0
