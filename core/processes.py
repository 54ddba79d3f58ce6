"""What a tier's processes use together: its own and, where it has some (gunicorn's workers), its children's."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from prometheus_client import ProcessCollector
from prometheus_client.core import Metric
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

_OF_EACH: Final = ("start_time_seconds", "max_fds")
"""Of the first process alone; everything else is a sum."""


class Processes(Collector):
    """Memory, processor time and open files as `<namespace>_process_...`, read from /proc when asked."""

    def __init__(self, namespace: str) -> None:
        self._namespace = namespace

    def collect(self) -> Iterable[Metric]:
        """The sums over this process and its children."""
        found = self._of(os.getpid())
        for child in children(os.getpid()):
            for name, metric in self._of(child).items():
                if not name.endswith(_OF_EACH):
                    found[name].samples = [_sum(*found[name].samples, *metric.samples)]
        return found.values()

    def _of(self, process: int) -> dict[str, Metric]:
        """Nothing of a process that has ended meanwhile."""
        collector = ProcessCollector(self._namespace, pid=lambda: process, registry=None)
        return {metric.name: metric for metric in collector.collect()}


def children(process: int) -> list[int]:
    """The processes that this one has started and that have not been buried; none where the kernel does not tell."""
    found: list[int] = []
    for path in Path(f"/proc/{process}/task").glob("*/children"):
        try:
            found += map(int, path.read_text("ascii").split())
        except OSError:  # that thread is gone
            continue
    return found


def _sum(first: Sample, *others: Sample) -> Sample:
    return first._replace(value=first.value + sum(other.value for other in others))
