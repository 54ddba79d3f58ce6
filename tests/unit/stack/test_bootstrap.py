"""`./daytrade` and the making of `.venv`, as far as no download is needed."""

import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from stack import bootstrap

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project with the script, a lock file and an environment that is in step with it; its python tells what it was given."""
    (tmp_path / "stack").mkdir()
    shutil.copy(ROOT / "daytrade", tmp_path)
    shutil.copy(ROOT / "requirements.lock", tmp_path)
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\nprintf "%s\\n" "$PYTHONPATH" "$PWD" "$@"\n')
    python.chmod(0o755)
    shutil.copy(ROOT / "requirements.lock", tmp_path / ".venv" / bootstrap.STAMP)
    return tmp_path


def run(script: Path, *arguments: str, cwd: Path, **env: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [script, *arguments],
        cwd=cwd,
        env={"PATH": os.environ["PATH"], **env},
        text=True,
        capture_output=True,
        check=False,
    )


def test_an_environment_in_step_is_used_as_it_is_from_any_folder(
    root: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    done = run(root / "daytrade", "replay", "a file", cwd=elsewhere)
    assert done.stdout.splitlines() == [
        str(root),
        str(elsewhere),
        "-P",
        "-m",
        "stack.cli",
        "replay",
        "a file",
    ]


@pytest.mark.parametrize("change", ["lock", "stamp", "python"])
def test_otherwise_it_is_made_first(root: Path, change: str) -> None:
    (root / "stack" / "bootstrap.py").write_text("import sys; sys.exit('made in ' + sys.argv[1])")
    if change == "lock":
        with (root / "requirements.lock").open("a") as lock:
            lock.write("another==1\n")
    else:
        (root / ".venv" / {"stamp": bootstrap.STAMP, "python": "bin/python"}[change]).unlink()
    done = run(root / "daytrade", "status", cwd=root)
    assert done.returncode == 1
    assert done.stderr == f"made in {root}\n"


def test_without_a_python_it_says_what_to_do(root: Path, tmp_path: Path) -> None:
    (root / ".venv" / bootstrap.STAMP).unlink()
    tools = tmp_path / "tools"
    tools.mkdir()
    for tool in ("sh", "dirname", "cmp"):
        (tools / tool).symlink_to(shutil.which(tool) or "")
    old = tools / "python3"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    done = subprocess.run(
        [tools / "sh", root / "daytrade"],
        env={"PATH": str(tools)},
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("daytrade: no Python >= 3.11")
    assert len(done.stderr.splitlines()) == 1


def test_current_means_the_same_lock_file_and_a_python(root: Path) -> None:
    assert bootstrap.is_current(root)
    (root / "requirements.lock").write_text("")
    assert not bootstrap.is_current(root)


def test_two_at_once_wait_for_each_other(root: Path) -> None:
    order: list[str] = []

    def wait_and_note() -> None:
        bootstrap.lock(root).close()
        order.append("second")

    with bootstrap.lock(root):
        other = threading.Thread(target=wait_and_note)
        other.start()
        other.join(0.2)
        order.append("first")
    other.join()
    assert order == ["first", "second"]


@pytest.mark.slow
@pytest.mark.parametrize("left", ["unfinished", "no python", "older lock"])
def test_what_was_interrupted_is_made_again(root: Path, monkeypatch: pytest.MonkeyPatch, left: str) -> None:
    """Only the download is left out."""
    venv = root / ".venv"
    shutil.rmtree(venv)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    (venv / "keepsake").touch()
    if left == "unfinished":
        (venv / "unfinished").touch()
    elif left == "no python":
        (venv / "bin" / "python").unlink()
    steps: list[bool] = []
    monkeypatch.setattr(
        bootstrap, "sync", lambda python, wanted, folder: steps.append(bootstrap.is_current(root))
    )
    bootstrap.install(root)
    assert steps == [False]
    assert bootstrap.is_current(root)
    assert (venv / "keepsake").exists() == (left == "older lock")
    assert not (venv / "unfinished").exists()


def test_the_lines_of_one_package() -> None:
    text = "a==1 \\\n    --hash=sha256:0\nuv==2 \\\n    --hash=sha256:1 \\\n    --hash=sha256:2\nz==3\n"
    assert bootstrap.requirement(text, "uv") == "uv==2 \\\n    --hash=sha256:1 \\\n    --hash=sha256:2\n"
    with pytest.raises(ValueError, match="hold y"):
        bootstrap.requirement(text, "y")
    assert bootstrap.requirement((ROOT / "requirements.lock").read_text(), "uv").count("--hash=sha256:") > 5


@pytest.mark.parametrize(
    ("answer", "taken"),
    [
        (f"echo 3 {sys.version_info[1]} 0.000001 /opt/quick python", "/opt/quick python"),
        (f"echo 3 {sys.version_info[1]} 60.0 /opt/slow", None),
        (f"echo 3 {sys.version_info[1] + 1} 0.000001 /opt/newer", None),
        ("exit 1", None),
    ],
)
def test_of_several_pythons_the_quickest_of_this_version_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str, taken: str | None
) -> None:
    other = tmp_path / "python3"
    other.write_text(f"#!/bin/sh\n{answer}\n")
    other.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert bootstrap.quicker_python() == taken
