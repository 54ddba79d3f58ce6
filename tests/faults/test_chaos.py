"""Real processes under load and under faults: a short, seeded selection of what `./daytrade chaos` does for longer.

Each fault has to prove that it struck. Recovery times are printed and not asserted: the tests share the machine.
"""

from pathlib import Path

import pytest

from faults import chaos, run
from faults.arena import Arena, Load
from faults.chaos import MAIN, STAGES
from faults.disk import CannotMount
from faults.model import Step, Strike
from faults.run import Act
from faults.schedule import BRIEFLY, FAULTS, draw
from stack.process import wait_until

pytestmark = [pytest.mark.services, pytest.mark.slow]
SEED = 20
LONG = {"quote-down": BRIEFLY, "stop": "transaction-0"}
"""Where a fault has a choice that decides how long it takes."""


def act(folder: Path, stage: str, steps: list[Step], rate: float = 500.0, commands: int = 4_000) -> Act:
    """Runs the steps; what is late is printed."""
    load = Load(users=40, commands=commands, window=8, rate=rate, seed=SEED)
    done = run.run(folder, STAGES[stage], load, steps, lambda strike: print(chaos.told(strike)))
    print(done.evidence)
    return done


def assert_held(done: Act) -> None:
    assert done.wrong == []
    assert done.evidence.acknowledged > 0
    assert all(
        any(strike.proof for strike in done.strikes if strike.fault == fault) for fault in faults(done)
    )


def faults(done: Act) -> set[str]:
    return {strike.fault for strike in done.strikes}


def test_every_process_dies_and_so_do_all_at_once(tmp_path: Path) -> None:
    steps = draw(SEED, ["kill", "backend", "everything", "client"], 9, 0)
    done = act(tmp_path, MAIN, steps, commands=25_000)
    assert_held(done)
    assert {tier for strike in done.strikes for tier, _ in strike.killed} == set(FAULTS["kill"].targets)


ON_THE_WAY = [
    "cut",
    "slices",
    "never-read",
    "slow-sockets",
    "quote-slow",
    "quote-down",
    "quote-garbage",
    "flushall",
]


def test_connections_and_quotes_go_wrong(tmp_path: Path) -> None:
    assert_held(act(tmp_path, MAIN, selection(ON_THE_WAY), commands=30_000))


def test_commits_owners_and_too_much_load(tmp_path: Path) -> None:
    done = {"kill", "backend", "everything", "client", "delay", *ON_THE_WAY, *STAGES}
    assert_held(
        act(tmp_path, MAIN, selection([fault for fault in FAULTS if fault not in done]), commands=20_000)
    )


def selection(names: list[str]) -> list[Step]:
    """Each of them once, in an order that the seed draws."""
    return [Step(step.fault, LONG.get(step.fault, step.target), 100) for step in draw(SEED, names, 0, 0)]


def test_a_full_disk(tmp_path: Path) -> None:
    try:
        assert_held(act(tmp_path, "disk-full", [Step("disk-full", "", 500)], commands=12_000))
    except CannotMount as error:
        pytest.skip(str(error))


def test_a_clock_that_steps(tmp_path: Path) -> None:
    assert_held(act(tmp_path, "clock", [Step("clock", "-90 s", 500)], commands=15_000))


PLANTS = {
    "are not in the database": "DELETE FROM command WHERE number = 3",
    "stored with another reply": "UPDATE command SET reply = 'OK {}' WHERE number = 5",
    "applied twice": "INSERT INTO audit SELECT * FROM audit WHERE kind = 1 AND number = 7",
    "never asked": "INSERT INTO command SELECT session_id, 999999999, body, reply FROM command WHERE number = 9",
    "is not what the oracle derives": "UPDATE account SET cash_cents = cash_cents + 1 WHERE username = %(user)s",
    "no hit that the quote server counted": "UPDATE audit SET cryptokey = 'none' WHERE kind = 2 AND cryptokey ="
    " (SELECT min(cryptokey) FROM audit)",
}
"""What the verdict must say, and the corruption that it must say it of."""


def test_what_is_planted_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault that claims to have struck and in truth spoils the database, another that never strikes."""

    def spoil(arena: Arena, step: Step) -> Strike:
        user = arena.user()
        assert wait_until(lambda: all(number in arena.ledger.replies for number in range(1, 10)), 30)
        arena.ask(f"ADD,{user},1.00", f"QUOTE,{user},AB")
        with arena.admin() as admin:
            for plant in PLANTS.values():
                assert admin.execute(plant, {"user": user}).rowcount == 1, plant
        return Strike(step.fault, "", 1, "spoilt")

    monkeypatch.setitem(run.STRIKES, "cut", spoil)
    monkeypatch.setitem(run.STRIKES, "delay", lambda arena, step: Strike(step.fault, "", 1, ""))
    done = act(tmp_path, MAIN, [Step("cut", "", 0), Step("delay", "", 0)])
    for sentence in PLANTS:
        assert any(sentence in wrong for wrong in done.wrong), (sentence, done.wrong)
    assert "delay never struck" in done.wrong
