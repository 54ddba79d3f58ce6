"""`python -m workload` and what it publishes."""

import asyncio
import json
import sys
from pathlib import Path

from tests.unit.workload.fake_server import FakeServer, Faults
from workload import machine

ROOT = Path(__file__).parents[3]


async def run(*arguments: str) -> tuple[int, bytes, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "workload", *arguments,
        cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate()
    return process.returncode or 0, out, err.decode()


def test_generate_and_replay(tmp_path: Path) -> None:
    async def body() -> None:
        code, text, _ = await run("generate", "--users", "3", "--commands", "80", "--seed", "5")
        assert code == 0
        file = tmp_path / "w.txt"
        file.write_bytes(text)
        server = FakeServer(1, Faults())
        async with server.serve():
            target = "{}:{}".format(*server.address)
            html = tmp_path / "r.html"
            code, out, err = await run(
                "replay", str(file), "--target", target, "--json", "-", "--html", str(html)
            )
        assert code == 0, err
        assert json.loads(out)["commands"] == 80
        assert "80 of 80 answered" in err
        assert "replay of w.txt" in err
        assert html.read_text().startswith("<!doctype html>")

    asyncio.run(body())


def test_a_failed_replay_reports_what_was_acknowledged(tmp_path: Path) -> None:
    async def body() -> None:
        file = tmp_path / "w.txt"
        file.write_bytes(b"ADD,u,1\n")
        server = FakeServer(1, Faults(refuse_session=True))
        async with server.serve():
            target = "{}:{}".format(*server.address)
            code, out, _ = await run(
                "replay", str(file), "--target", target, "--json", str(tmp_path / "r.json")
            )
        assert code == 1
        assert b"Incomplete: the session was not opened" in out
        found = json.loads((tmp_path / "r.json").read_text())
        assert (found["commands"], found["lines_to_send"]) == (0, 1)
        assert found["failure"].startswith("the session was not opened")
        code, _, err = await run("replay", str(tmp_path / "none"), "--target", target)
        assert code == 2
        assert "No such file" in err

    asyncio.run(body())


def test_the_machine_in_one_line() -> None:
    line = machine.describe()
    assert "\n" not in line
    assert "cores" in line
    assert "Python 3." in line
