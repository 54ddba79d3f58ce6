"""What a run is made of, and what is told of it."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from rich.console import Console

from faults.chaos import MAIN, STAGES, acts, chosen
from faults.evidence import Files
from faults.model import Strike
from faults.report import Summary, held, show, summary, write
from faults.run import STRIKES, Act
from faults.schedule import FAULTS, STEPS_MS
from tests.unit.faults.test_verdict import GOOD, SHARD, killed

ACT = Act(STAGES[MAIN], "s1", Files(Path("w.txt"), Path("a.xml")), [killed(SHARD)], GOOD, [])


def found(act: Act = ACT) -> Summary:
    return summary([act], seed=1, command="./daytrade chaos")


def test_every_fault_can_be_injected() -> None:
    assert STRIKES.keys() == FAULTS.keys()


def test_all_faults_unless_some_are_named() -> None:
    assert chosen("") == list(FAULTS)
    assert chosen("cut, stop,cut") == ["cut", "stop"]
    with pytest.raises(KeyError):
        chosen("earthquake")


def test_clock_and_disk_have_acts_of_their_own_after_the_long_one() -> None:
    plans = acts(1, list(FAULTS), kills=9, minutes=0, rate=100)
    assert [plan.stage.name for plan in plans] == ["main", "clock", "disk-full"]
    assert {step.target for step in plans[1].steps} == set(STEPS_MS)
    assert [step.fault for step in plans[2].steps] == ["disk-full"]
    assert plans[0].load.commands > 100 * 60


@pytest.mark.parametrize(
    ("act", "holds"),
    [
        (ACT, True),
        (replace(ACT, wrong=["2 requests were applied twice"]), False),
        (replace(ACT, strikes=[replace(killed(SHARD), recovery_ms=2_001)]), False),
        (replace(ACT, strikes=[Strike("cut", "", 1, "")], wrong=["cut never struck"]), False),
    ],
)
def test_what_is_told(act: Act, holds: bool) -> None:
    text = io.StringIO()
    show(found(act), Console(file=text, width=200))
    assert held(found(act)) is holds
    assert ("Everything held." in text.getvalue()) is holds
    for sentence in act.wrong:
        assert sentence in text.getvalue()


def test_the_file_has_what_was_promised(tmp_path: Path) -> None:
    write(found(), tmp_path / "f.json")
    said: dict[str, Any] = json.loads((tmp_path / "f.json").read_text())
    assert (said["workload"], said["audit_log"], said["session"]) == ("w.txt", "a.xml", "s1")
    assert said["kills"] == [{"time_ms": 1_000_000, "tier": SHARD, "pid": 7, "in_flight_hits": 1}]
