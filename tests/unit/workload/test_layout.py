"""Workloads by user and in segments."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.workload.files import course_file
from workload.layout import MAX_MALFORMED_KEPT, Workload, lay_out
from workload.parse import parse


def laid_out(text: bytes) -> Workload:
    return lay_out(parse([text]))


def segments(workload: Workload) -> list[dict[bytes | None, int]]:
    return [{workload.users[place].user: end for place, end in each.items()} for each in workload.segments]


def test_a_full_dump_is_a_segment_of_its_own() -> None:
    workload = laid_out(b"ADD,u,1\nADD,v,1\nDUMPLOG,a\nDUMPLOG,b\nADD,u,2\nDUMPLOG,u,c\n")
    assert segments(workload) == [{b"u": 1, b"v": 1}, {None: 1}, {None: 2}, {b"u": 3}]
    assert workload.sizes == [2, 1, 1, 2]
    assert workload.dumps == {3: True, 4: True, 6: False}
    assert workload.user_count == 2
    assert workload.total == 6


def test_a_repeated_number_waits_for_the_first() -> None:
    workload = laid_out(b"[1] ADD,u,1\n[2] ADD,v,1\n[1] ADD,w,1\n[2] ADD,v,1\n[3] ADD,v,1\n[2] ADD,u,1\n")
    assert workload.sizes == [2, 3, 1]


def test_a_file_given_twice_is_two_segments() -> None:
    text = b"".join(b"[%d] ADD,u,1\n" % number for number in range(1, 100))
    assert laid_out(text * 2).sizes == [99, 99]


@given(st.lists(st.integers(1, 12)))
def test_within_a_segment_no_number_occurs_twice_and_segments_are_as_long_as_can_be(
    numbers: list[int],
) -> None:
    workload = laid_out(b"".join(b"[%d] ADD,u,1\n" % number for number in numbers))
    rest = iter(numbers)
    parts = [list(itertools.islice(rest, size)) for size in workload.sizes]
    assert list(itertools.chain(*parts)) == numbers
    assert all(len(set(part)) == len(part) for part in parts)
    assert all(after[0] in before for before, after in itertools.pairwise(parts))


def test_malformed_lines_are_all_counted_and_some_are_kept() -> None:
    workload = laid_out(b"FOO\n" * (MAX_MALFORMED_KEPT + 5) + b"ADD,u,1\n")
    assert workload.malformed_count == MAX_MALFORMED_KEPT + 5
    assert len(workload.malformed) == MAX_MALFORMED_KEPT
    assert {(each.reason, each.excerpt) for each in workload.malformed} == {
        ("none of the 16 commands", "FOO")
    }
    assert [each.line_number for each in workload.malformed] == list(range(1, MAX_MALFORMED_KEPT + 1))
    assert workload.total == 1


def test_an_empty_file() -> None:
    workload = laid_out(b"\n\n")
    assert (workload.total, workload.segments, workload.users) == (0, [], [])


def test_lines_come_back_as_they_were() -> None:
    path = course_file("user10")
    workload = laid_out(path.read_bytes())
    lines = [line.rstrip() + b"\n" for line in path.read_bytes().splitlines()]
    for user in workload.users:
        count = len(user.numbers)
        assert bytes(user.slice(0, count)) == b"".join(lines[number - 1] for number in user.numbers)
        assert list(user.numbers) == sorted(user.numbers)
