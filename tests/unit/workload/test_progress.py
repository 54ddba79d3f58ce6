"""Progress on a terminal and elsewhere."""

import io

from workload.driver import Progress
from workload.progress import ProgressBar


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_elsewhere_a_line_every_few_seconds() -> None:
    stream = io.StringIO()
    with ProgressBar("replay", stream) as show:
        for second in range(12):
            show(Progress(second * 1_000, 20_000, float(second), 0))
        show(Progress(20_000, 20_000, 12.5, 2))
    assert stream.getvalue().splitlines() == [
        "replay: 5,000 of 20,000 answered, 1,000/s",
        "replay: 10,000 of 20,000 answered, 1,000/s",
        "replay: 20,000 of 20,000 answered, 1,600/s, 2 reconnects",
    ]


def test_on_a_terminal_a_bar() -> None:
    stream = Terminal()
    with ProgressBar("replay", stream) as show:
        show(Progress(20_000, 20_000, 2.0, 0))
    assert "20000/20000" in stream.getvalue()
    assert "10,000/s" in stream.getvalue()
