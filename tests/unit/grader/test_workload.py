"""Reading the workload file, and holding a log against it."""

import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from core.commands import AMOUNT, ARGUMENTS, FILENAME, SYMBOL, USER
from grader.__main__ import main
from grader.check import check_log
from grader.lines import Line, parse_line, read_lines
from grader.report import MAX_SHOWN
from grader.rules import RULES, WARNINGS
from tests.unit.grader.hand import command, error, grade, hit, move, system
from tests.unit.grader.market import Market


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[1] ADD,u,5 \r\n", Line(1, "ADD", True, "u", "", 5_00)),
        ("[7]\tBUY,u,abc,1.5", Line(7, "BUY", True, "u", "ABC", 1_50)),
        ("QUOTE,u,S", Line(3, "QUOTE", True, "u", "S")),
        ("[2] DUMPLOG,./testLOG", Line(2, "DUMPLOG", True, filename="testLOG")),
        ("[2] DUMPLOG,u,../x/y", Line(2, "DUMPLOG", True, "u", filename="y")),
        ("[2] DUMPLOG,..", Line(2, "DUMPLOG", True)),
        ("[2] DUMPLOG", Line(2, "DUMPLOG", False)),
        ("[2] DUMPLOG,a,b,c", Line(2, "DUMPLOG", False, "a")),
        ("[2] BUY,u,TOOLONG,-1.00", Line(2, "BUY", True, "u", "", -1_00)),
        ("[2] BUY,u,S,1.005", Line(2, "BUY", True, "u", "S", None)),
        ("[2] BUY,u,S", Line(2, "BUY", False, "u")),
        ("[2] BUY,a b", Line(2, "BUY", False)),
        ("[2] BUY", Line(2, "BUY", False)),
        ("[2] ADD,a b,1.00", Line(2, "ADD", True, "", "", 1_00)),
    ],
)
def test_lines(text: str, line: Line) -> None:
    parsed = parse_line(text, 3)
    assert parsed is not None
    assert parsed.text == text.rstrip()
    assert structs.replace(parsed, text="") == line


@pytest.mark.parametrize(
    "text", ["", "[1]", "add,u,1", "[1] HELLO,u", "[x] ADD,u,1", "[0] ADD,u,1", "[9007199254740993] ADD,u,1"]
)
def test_lines_that_are_not_sent(text: str) -> None:
    assert parse_line(text, 3) is None


PARTS = (
    "[", "]", "] ", "1", "7", "0", "12345678901234567", "BUY", "ADD", "DUMPLOG", "HELLO", ",", ",", ",u", ",S", ",abc",
    ",TOOLONG", ",1.00", ",-1.00", ",1.5", ",../x", " ", "\t", "\r", "\n", "\n", "\x85", "\u00e9", "\x00", "\u2028", "a" * 65,
)  # fmt: skip
USUAL = (
    "[8] ADD,u,1.00\n",
    "[9] BUY,u,S,1.00 \r\n",
    "[10] QUOTE,u,S\n",
    "[1] COMMIT_BUY,u\n",
    "[2] ADD,u,S,1.00\n",
    "[3] DUMPLOG,u\n",
)


@settings(max_examples=300, deadline=None)
@given(
    parts=st.lists(st.sampled_from(PARTS + 4 * USUAL), max_size=40),
    cut=st.sampled_from([b"", b"\xff", b"\xc3", b"\n"]),
)
def test_a_file_is_read_as_its_lines_are(parts: list[str], cut: bytes) -> None:
    """Whatever the search over the whole file knows of a line, `parse_line` says of it too, and at the same place."""
    data = "".join(parts).encode() + cut
    lines = data.removesuffix(b"\n").split(b"\n") if data else []
    each = (parse_line(line.decode("utf-8", "replace"), place) for place, line in enumerate(lines, start=1))
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr("grader.lines.CHUNK_BYTES", 7)
        path = Path(folder, "workload")
        path.write_bytes(data)
        assert list(read_lines(path)) == [line for line in each if line is not None]


def test_lines_of_the_usual_form_need_no_further_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(text: str, _: int) -> None:
        raise AssertionError(text)

    values = {USER: "u", SYMBOL: "S", AMOUNT: "1.00"}
    usual = {command: names for command, names in ARGUMENTS.items() if FILENAME not in names}
    lines = [",".join([command, *(values[name] for name in names)]) for command, names in usual.items()]
    (tmp_path / "workload").write_text("".join(f"[{n}] {line} \n" for n, line in enumerate(lines, start=1)))
    monkeypatch.setattr("grader.lines.parse_line", refuse)
    read = list(read_lines(tmp_path / "workload"))
    assert [(line.command, line.user, line.symbol, line.cents) for line in read] == [
        (command, "u", "S" if SYMBOL in names else "", 100 if AMOUNT in names else None)
        for command, names in usual.items()
    ]


def test_course_workloads_are_read_whole() -> None:
    """The project's copies of the course's files, where they are there."""
    for path in Path("workloads").glob("user*.txt"):
        lines = list(read_lines(path))
        assert len(lines) == len(path.read_text().splitlines())
        assert all(line.count_ok for line in lines)


ADDS = [event for number in range(1, 40) for event in (
    command(number, number, "ADD", ("a", "b")[number % 2], funds="1.00"),
    move(number, number, "add", ("a", "b")[number % 2], "1.00"))]  # fmt: skip
FILE = "".join(f"[{number}] ADD,{('a', 'b')[number % 2]},1.00\n" for number in range(1, 40))


def test_many_missing_are_counted_and_the_first_shown(tmp_path: Path) -> None:
    report = grade(tmp_path, *ADDS[:4], workload=FILE)
    assert report.counts["missing-command"] == 37
    assert [one.number for one in report.of("missing-command")] == list(range(3, 3 + MAX_SHOWN))
    assert report.of("missing-command")[0].text == "[3] ADD,b,1.00"
    assert "and 17 more" in report.to_text()


def test_first_of_a_doubled_number_counts(tmp_path: Path) -> None:
    assert grade(tmp_path, *ADDS, workload=FILE + "[1] ADD,b,2.00\n[2] ADD,a,1.00\n").exit_code == 0
    assert grade(tmp_path, *ADDS, workload="[1] ADD,b,2.00\n" + FILE).exit_code == 1


def test_lines_without_numbers_have_their_place(tmp_path: Path) -> None:
    file = "\n".join(["", "ADD,a,1.00", "nonsense", "ADD,b,1.00"])
    events = [command(1, 2, "ADD", "a", funds="1.00"), move(1, 2, "add", "a", "1.00"),
              command(1, 4, "ADD", "b", funds="1.00"), move(1, 4, "add", "b", "1.00")]  # fmt: skip
    assert grade(tmp_path, *events, workload=file).exit_code == 0


def test_number_of_arguments_decides_bad_request(tmp_path: Path) -> None:
    events = (
        command(1, 1, "COMMIT_BUY", "a"),
        error(1, 1, "COMMIT_BUY", "BAD_REQUEST", "a"),
        command(2, 2, "DUMPLOG", file="f"),
    )
    assert grade(tmp_path, *events, workload="COMMIT_BUY,a,b\nDUMPLOG,f\n").exit_code == 0
    assert set(grade(tmp_path, *events, workload="COMMIT_BUY,a\nDUMPLOG,f\n").counts) == {"wrong-code"}
    alone = grade(tmp_path, *events)
    assert alone.exit_code == 0
    assert any("BAD_REQUEST" in one.what for one in alone.undecided)


def test_forbidden_does_not_come_from_a_workload(tmp_path: Path) -> None:
    events = command(1, 1, "DUMPLOG", file="f"), error(1, 1, "DUMPLOG", "FORBIDDEN", file="f")
    assert set(grade(tmp_path, *events, workload="DUMPLOG,f\n").counts) == {"refused-wrongly"}
    assert grade(tmp_path, *events).exit_code == 0


def test_user_that_is_not_well_formed_may_be_shown_or_not(tmp_path: Path) -> None:
    for user in ("a b", ""):
        events = command(1, 1, "ADD", user, funds="1.00"), error(1, 1, "ADD", "BAD_USER", user, funds="1.00")
        assert grade(tmp_path, *events, workload="ADD,a b,1.00\nDUMPLOG,f\n").exit_code == 0


def test_same_file_twice_is_another_session(tmp_path: Path) -> None:
    again = [event.replace(f"<timestamp>{1795}", "<timestamp>1796") for event in ADDS]
    report = grade(tmp_path, *ADDS, *again, workload=FILE)
    assert report.exit_code == 2, report.to_text()
    assert report.undecided[0].count == 39


def test_command_applied_twice_is_no_session(tmp_path: Path) -> None:
    """One number audited a second time, while the file's first line is not: no session begins in the middle."""
    again = command(60, 7, "ADD", "b", funds="1.00"), move(60, 7, "add", "b", "1.00")
    report = grade(tmp_path, *ADDS, *again, workload=FILE)
    assert report.counts == {"doubled-command": 1}


def test_wrong_file_cannot_be_compared(tmp_path: Path) -> None:
    file = "".join(f"[{number}] ADD,x{number},1.00\n" for number in range(100, 140))
    assert grade(tmp_path, *ADDS, workload=file).exit_code == 2


def test_two_sessions_are_right_without_a_workload(tmp_path: Path) -> None:
    """The same numbers twice, with hits, pendings and triggers: still one right log."""

    class Twice(Market):
        def _workload(self, commands: int) -> list[str]:
            return super()._workload(commands) + super()._workload(commands)

    for seed in range(10):
        twice = Twice(seed, 3, 120)
        log, lines = tmp_path / "l.xml", tmp_path / "w.txt"
        log.write_bytes(twice.xml())
        report = check_log(log)
        assert report.exit_code == 0, report.to_text()
        lines.write_text("\n".join(twice.lines[:121]))
        report = check_log(log, lines)
        assert report.exit_code == 2, report.to_text()


def test_every_user_s_dump_of_a_right_log_is_right(tmp_path: Path) -> None:
    for seed in range(10):
        market = Market(seed, 4, 200)
        lines = tmp_path / "w.txt"
        lines.write_text(market.workload())
        for user in market.users:
            own = [record for record in market.records if record.user == user]
            log = tmp_path / f"{user}.xml"
            market.records, whole = own, market.records
            log.write_bytes(market.xml())
            market.records = whole
            for workload in (None, lines):
                report = check_log(log, workload)
                assert report.exit_code == 0, report.to_text()
                assert report.figures.users == 1


def test_hit_under_a_wrong_number(tmp_path: Path) -> None:
    events = [
        hit(1, 2, "a", "S", "1.00"), command(1, 1, "QUOTE", "a", "S"), system(1, 1, "QUOTE", "a", "S", "1.00"),
        command(2, 2, "COMMIT_BUY", "a"), error(2, 2, "COMMIT_BUY", "UNKNOWN_USER", "a"), command(3, 3, "DUMPLOG", file="f"),
    ]  # fmt: skip
    report = grade(tmp_path, *events, workload="QUOTE,a,S\nCOMMIT_BUY,a\nDUMPLOG,f\n")
    assert report.counts == {"hit-attribution": 1}


def test_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log, lines = tmp_path / "l.xml", tmp_path / "w.txt"
    log.write_text(f"<log>{''.join(ADDS)}</log>")
    lines.write_text(FILE)
    assert main([str(log), "--workload", str(lines)]) == 0
    assert "RIGHT" in capsys.readouterr().out
    lines.write_text(FILE + "[50] ADD,a,1.00\n")
    assert main([str(log), "--workload", str(lines), "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert report["counts"] == {"missing-command": 1}
    assert (report["ok"], report["exit_code"], report["comparable"]) == (False, 1, True)
    assert report["violations"][0]["number"] == 50
    assert report["figures"]["commands"] == 39
    lines.write_text("[1] ADD,c,1.00\n" + FILE)
    assert main([str(log), "--workload", str(lines)]) == 1
    lines.write_text("[100] ADD,c,1.00\n")
    assert main([str(log), "--workload", str(lines)]) == 2
    assert "NOT COMPARABLE" in capsys.readouterr().out
    assert main([str(tmp_path / "nothing")]) == 2
    assert "nothing" in capsys.readouterr().err
    assert main([str(log), "--quote-life-ms", "1000", "--pending-life-ms", "1000"]) == 0


def test_rules_are_sentences() -> None:
    for rule, sentence in (RULES | WARNINGS).items():
        assert rule == rule.lower()
        assert len(sentence) > 15
