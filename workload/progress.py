"""Progress of a replay on standard error: a bar on a terminal, a plain line every few seconds elsewhere."""

import sys
from types import TracebackType
from typing import Final, Self, TextIO

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from workload import driver

PLAIN_EVERY_S: Final = 5.0


class ProgressBar:
    """A context manager; what it gives is called with a `driver.Progress` (the `on_progress` of a replay)."""

    def __init__(self, label: str = "replay", stream: TextIO | None = None) -> None:
        self._label = label
        self._stream = stream or sys.stderr
        self._next_plain_s = PLAIN_EVERY_S
        self._bar = _bar(self._stream) if self._stream.isatty() else None
        self._task = self._bar.add_task(label, total=None, rate="", trouble="") if self._bar else None

    def __enter__(self) -> Self:
        if self._bar:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar:
            self._bar.stop()

    def __call__(self, progress: driver.Progress) -> None:
        """Shows it."""
        per_second = progress.answered / progress.seconds if progress.seconds else 0.0
        rate = f"{per_second:,.0f}/s"
        trouble = f"{progress.reconnects} reconnects" if progress.reconnects else ""
        if self._bar and self._task is not None:
            self._bar.update(
                self._task, total=progress.total, completed=progress.answered, rate=rate, trouble=trouble
            )
        elif progress.seconds >= self._next_plain_s or progress.answered == progress.total:
            self._next_plain_s = progress.seconds + PLAIN_EVERY_S
            line = f"{self._label}: {progress.answered:,} of {progress.total:,} answered, {rate}"
            print(line + (f", {trouble}" if trouble else ""), file=self._stream, flush=True)


def _bar(stream: TextIO) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("[yellow]{task.fields[trouble]}"),
        console=Console(file=stream),
        expand=True,
    )
