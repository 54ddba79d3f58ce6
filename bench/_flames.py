"""Flame graphs: stacks and how often each was seen, drawn as SVG; and which functions are on top most. Pure.

Stacks come folded, `outermost;...;innermost count` a line, as py-spy writes them; those of perf are folded here.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from html import escape
from typing import Final
from zlib import crc32

Stacks = Mapping[tuple[str, ...], int]
"""Frames, the outermost first -> samples."""

_WIDTH, _ROW, _TOP, _LETTER = 1200, 17, 28, 6.6
_LEAST: Final = 0.003
"""Share of all samples below which a frame is not drawn."""
_PERF_FRAME: Final = re.compile(r"^\s+[0-9a-f]+ (.+?)(?: \(inlined\))?$")
_NOISE: Final = re.compile(r"(Py_X?DECREF|loop_run_in_context\d*|0x[0-9a-f]+)( |\Z)")
"""Frames of py-spy that tell nothing: macros that call what is next, and addresses without a name."""
_WAITS: Final = re.compile(
    r"(epoll_p?wait|accept4?|poll|select|PyThread_acquire_lock_timed|clock_nanosleep)( |\Z)"
)
"""A stack with one of these in it stands still."""
_SUFFIX: Final = re.compile(r"\.(isra|constprop|part|cold)\.?\d*")


def folded(text: str) -> Counter[tuple[str, ...]]:
    """What py-spy's raw format says, without what only waits."""
    found: Counter[tuple[str, ...]] = Counter()
    for line in text.splitlines():
        stack, _, count = line.rpartition(" ")
        frames = stack.split(";")
        if not any(map(_WAITS.match, frames)):
            found[tuple(frame for frame in frames if not _NOISE.match(frame))] += int(count)
    return found


def of_perf(text: str) -> Counter[tuple[str, ...]]:
    """What `perf script -F comm,ip,sym` says: a stack a paragraph, the innermost frame first, under the program's name."""
    found: Counter[tuple[str, ...]] = Counter()
    for paragraph in text.split("\n\n"):
        matches = (_PERF_FRAME.match(line) for line in paragraph.splitlines()[1:])
        frames = [_SUFFIX.sub("", match[1]) for match in matches if match]
        if frames:
            found[tuple(reversed(frames))] += 1
    return found


def on_top(stacks: Stacks, count: int) -> list[tuple[str, float]]:
    """The functions in which most time went itself: (frame, share of all samples)."""
    own: Counter[str] = Counter()
    for frames, samples in stacks.items():
        own[frames[-1]] += samples
    return _shares(own, stacks, count)


def under(stacks: Stacks, count: int) -> list[tuple[str, float]]:
    """The functions in which, or in what they called, most time went."""
    inside: Counter[str] = Counter()
    for frames, samples in stacks.items():
        for frame in set(frames):
            inside[frame] += samples
    return _shares(inside, stacks, count)


def _shares(found: Counter[str], stacks: Stacks, count: int) -> list[tuple[str, float]]:
    total = sum(stacks.values())
    return [(frame, samples / total) for frame, samples in found.most_common(count)]


class _Node:
    def __init__(self) -> None:
        self.samples = 0
        self.children: dict[str, _Node] = {}


def svg(title: str, stacks: Stacks) -> str:
    """A picture: the outermost frames at the bottom, width is time; hovering tells the share. Raises ValueError for nothing."""
    total = sum(stacks.values())
    if not total:
        raise ValueError(f"no samples of {title}")
    root = _Node()
    for frames, samples in stacks.items():
        node = root
        node.samples += samples
        for frame in frames:
            node = node.children.setdefault(frame, _Node())
            node.samples += samples
    boxes = list(_boxes(root, 0.0, 0, total))
    height = _TOP + _ROW * (1 + max((depth for _, _, depth, _ in boxes), default=0))
    drawn = "".join(_box(name, left, depth, share, height) for name, left, depth, share in boxes)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" font-family="monospace" font-size="11">'
        f'<rect width="100%" height="100%" fill="#fff"/><text x="6" y="17">{escape(title)}: {total:,} samples</text>'
        f"{drawn}</svg>\n"
    )


def _boxes(node: _Node, left: float, depth: int, total: int) -> Iterable[tuple[str, float, int, float]]:
    """(frame, left edge as a share of the width, depth, share) of everything wide enough."""
    for name, child in sorted(node.children.items()):
        share = child.samples / total
        if share >= _LEAST:
            yield name, left, depth, share
            yield from _boxes(child, left, depth + 1, total)
        left += share


def _box(name: str, left: float, depth: int, share: float, height: int) -> str:
    x, width, y = left * _WIDTH, share * _WIDTH, height - _ROW * (depth + 1)
    letters = int((width - 4) / _LETTER)
    label = name if len(name) <= letters else name[: letters - 1] + "…"
    text = f'<text x="{x + 2:.1f}" y="{y + 12}">{escape(label)}</text>' if letters >= 3 else ""
    return (
        f"<g><title>{escape(name)}: {share:.1%}</title>"
        f'<rect x="{x:.1f}" y="{y}" width="{max(width - 0.5, 0.5):.1f}" height="{_ROW - 1}" fill="{_color(name)}"/>{text}</g>'
    )


def _color(name: str) -> str:
    """Warm, and the same for the same function."""
    hash_ = crc32(name.encode())
    return f"rgb({205 + hash_ % 50},{110 + hash_ // 50 % 110},{hash_ // 5500 % 70})"
