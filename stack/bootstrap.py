"""Makes `.venv` exactly what `requirements.lock` says. Run by `./daytrade` with any Python >= 3.11, so only the standard library.

    python bootstrap.py ROOT

Every file that is installed is held against its hash. The lock's own uv does the work (12 s); where it cannot, pip does (60 s).
Two at once wait for each other; an install that was interrupted is done again from the start.
"""

import fcntl
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path
from typing import IO

STAMP = "installed.lock"
"""In `.venv`: a copy of the lock file, written once everything in it is installed."""
_UNFINISHED = "unfinished"
_CHOSEN = "DAYTRADE_PYTHON"
"""Names the Python to be used. Without it the quickest of this version on the machine is."""
_PROBE = """
import ensurepip, sys, time, venv
def work():
    words = {}
    for number in range(40000):
        words["word %d" % (number % 97)] = len(words) + number
times = []
for _ in range(7):
    start = time.perf_counter()
    work()
    times.append(time.perf_counter() - start)
print(sys.version_info[0], sys.version_info[1], min(times), sys.executable)
"""
_WORTH_IT = 0.92
"""Another Python is taken if it needs less than this part of the time (compilers' profiles and a shared library make 20 %)."""
_PIP = ("-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--require-hashes")


def main(root: Path) -> None:
    """Brings the environment into step with the lock file. Exits with one sentence when that cannot be done."""
    try:
        with lock(root):
            if not is_current(root):
                if _CHOSEN not in os.environ and (quicker := quicker_python()):
                    os.environ[_CHOSEN] = quicker
                    os.execv(quicker, [quicker, "-I", __file__, str(root)])  # noqa: S606 (and the lock is let go)
                print(
                    f"daytrade: installing the libraries into .venv for {sys.executable}, once (about half a minute) ...",
                    file=sys.stderr,
                )
                install(root)
    except subprocess.CalledProcessError:
        sys.exit(
            "daytrade: the libraries could not be installed (see above): check the network, then run it again."
        )
    except OSError as error:
        sys.exit(
            f"daytrade: cannot write {error.filename or root}: {error.strerror}; run it from a folder that you own."
        )


def quicker_python() -> str | None:
    """Another Python of this version on the machine that is clearly quicker than this one; None if there is none."""
    own = _time_of(sys.executable)
    names = ("python3", f"python3.{sys.version_info[1]}", "python")
    places = [Path(place) / name for place in os.get_exec_path() for name in names]
    others = {
        found[1]: found[0] for place in places if os.access(place, os.X_OK) and (found := _time_of(place))
    }
    if own is None or not others:
        return None
    best = min(others, key=others.__getitem__)
    return best if others[best] < _WORTH_IT * own[0] else None


def _time_of(python: str | Path) -> tuple[float, str] | None:
    """Seconds for a short piece of work, and the interpreter's own path; None if it is of another version or of no use."""
    try:
        done = subprocess.run(
            [python, "-I", "-c", _PROBE], capture_output=True, text=True, check=False, timeout=30
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    if done.returncode:
        return None
    major, minor, seconds, path = done.stdout.strip().split(" ", 3)
    return (float(seconds), path) if (int(major), int(minor)) == sys.version_info[:2] else None


def lock(root: Path) -> IO[str]:
    """Waits until nobody else installs here; let go when closed, also by a kill."""
    file = (root / ".venv.lock").open("w")
    fcntl.flock(file, fcntl.LOCK_EX)
    return file


def is_current(root: Path) -> bool:
    """Whether all of this lock file is installed."""
    stamp, python = root / ".venv" / STAMP, root / ".venv/bin/python"
    return (
        stamp.exists() and python.exists() and stamp.read_bytes() == (root / "requirements.lock").read_bytes()
    )


def install(root: Path) -> None:
    """Installs what the lock file says; the stamp comes last. Raises CalledProcessError and OSError."""
    folder, wanted = root / ".venv", root / "requirements.lock"
    unfinished = folder / _UNFINISHED
    if unfinished.exists() or not (folder / "bin/python").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        unfinished.touch()
        venv.create(folder, with_pip=True, symlinks=True)
    unfinished.touch()
    (folder / STAMP).unlink(missing_ok=True)
    sync(folder / "bin/python", wanted, folder)
    shutil.copyfile(wanted, folder / STAMP)
    unfinished.unlink()


def sync(python: Path, wanted: Path, folder: Path) -> None:
    """First uv, from its own lines of the lock file; then everything by uv, else by pip."""
    only_uv = folder / "uv.txt"
    only_uv.write_text(requirement(wanted.read_text("utf-8"), "uv"), "utf-8")
    command = [
        "-m",
        "uv",
        "--quiet",
        "--no-config",
        "pip",
        "sync",
        "--require-hashes",
        "--python",
        str(python),
        str(wanted),
    ]
    by_uv = _run(python, *_PIP, "-r", str(only_uv)) and _run(python, *command)
    if not by_uv:
        print("daytrade: uv cannot be used here, pip goes on (about a minute) ...", file=sys.stderr)
        subprocess.run([str(python), *_PIP, "-r", str(wanted)], check=True)


def requirement(lock_text: str, name: str) -> str:
    """The lines of one package, with its hashes. Raises ValueError when the lock file has none."""
    lines = lock_text.splitlines(keepends=True)
    for start, line in enumerate(lines):
        if line.startswith(f"{name}=="):
            end = start + 1
            while lines[end - 1].rstrip().endswith("\\"):
                end += 1
            return "".join(lines[start:end])
    raise ValueError(f"requirements.lock does not hold {name}")


def _run(python: Path, *arguments: str) -> bool:
    env = os.environ | {"UV_NATIVE_TLS": "1"}  # the certificates of the machine, as pip does
    return subprocess.run([str(python), *arguments], env=env, check=False).returncode == 0


if __name__ == "__main__":
    main(Path(sys.argv[1]))
