"""Simulated time, and the processes that live in it: one event loop each, all driven by one seeded scheduler.

A process sees an ordinary asyncio loop that runs its callbacks in the order in which they became ready, as a real one does.
What is left to chance, all of it drawn from the one seed, is which process goes on next, how long everything takes, and
what breaks. Time is integer microseconds; it moves only when nobody has anything left to do.
"""

import asyncio
import heapq
from collections import Counter, deque
from collections.abc import Callable, Coroutine
from contextvars import Context
from random import Random
from typing import Any, Final

START_MS: Final = 1_795_000_000_000
"""What the wall clock shows at the beginning."""


MAX_TURNS: Final = 500_000
"""A schedule takes some thousands: one that takes so many runs in a circle."""


class Broken(Exception):
    """The system did what it must never do. The message says what."""


class Timer:
    """A callback that is to be run, as asyncio knows it (Handle, TimerHandle)."""

    __slots__ = ("arguments", "callback", "loop", "when_us")

    def __init__(
        self,
        callback: Callable[..., object],
        arguments: tuple[Any, ...],
        loop: "Process | None",
        when_us: int = 0,
    ) -> None:
        self.callback: Callable[..., object] | None = callback
        self.arguments = arguments
        self.loop = loop
        """Whose callback it is; None for what happens to the world."""
        self.when_us = when_us

    def cancel(self) -> None:
        """It will not be run."""
        self.callback = None
        self.arguments = ()

    def cancelled(self) -> bool:
        return self.callback is None

    def when(self) -> float:
        return self.when_us / 1e6


class World:
    """Time, chance, and everybody in it."""

    def __init__(self, seed: int, tracing: bool = False) -> None:
        self.chance = Random(seed)
        self.now_us = 0
        self.clock_step_ms = 0
        """How far the machine's wall clock was set forward (or back)."""
        self.trace: list[tuple[Any, ...]] = []
        self.counts: Counter[str] = Counter()
        """What struck, and what came of it."""
        self.on_event: Callable[[str, Process], None] = lambda what, process: None
        """Told of every step of the traffic and whose it is, so that a fault can strike at it."""
        self._due: list[tuple[int, int, Timer]] = []
        self._sequence = 0
        self._runnable: list[Process] = []
        self._current: Process | None = None

    def note(self, *what: Any) -> None:
        """Writes a line of the trace."""
        self.trace.append((self.now_us, *what))

    def now_ms(self) -> int:
        """The wall clock of the one machine on which all of it runs."""
        return START_MS + self.now_us // 1000 + self.clock_step_ms

    def at(self, when_us: int, callback: Callable[..., object], *arguments: Any) -> Timer:
        """Something happens to the world, whatever its processes do."""
        return self.schedule(Timer(callback, arguments, None, when_us))

    def after(self, delay_us: int, callback: Callable[..., object], *arguments: Any) -> Timer:
        """The same, so much later."""
        return self.at(self.now_us + delay_us, callback, *arguments)

    def schedule(self, timer: Timer) -> Timer:
        """Puts a timer into the queue; equal times keep the order in which they came."""
        self._sequence += 1
        heapq.heappush(self._due, (timer.when_us, self._sequence, timer))
        return timer

    def wake(self, process: "Process") -> None:
        """The process has something to do."""
        if not process.queued and process.alive and not process.stalled:
            process.queued = True
            self._runnable.append(process)

    def run(self, done: Callable[[], bool], limit_us: int) -> None:
        """Until `done`. Raises Broken when that is not reached within `limit_us` from now, or when nothing is left to do."""
        limit_us += self.now_us
        turns = 0
        try:
            while not done():
                turns += 1
                if turns > MAX_TURNS:
                    raise Broken(f"no end after {turns} turns")
                if self._runnable:
                    self._run_one()
                elif not self._due:
                    raise Broken("stuck: nothing is left to do")
                elif self._due[0][0] > limit_us:
                    raise Broken(f"stuck: not done after {limit_us / 1e6:.1f} s")
                else:
                    self._advance()
        finally:
            asyncio._set_running_loop(None)
            self._current = None

    def _run_one(self) -> None:
        runnable = self._runnable
        place = int(self.chance.random() * len(runnable)) if len(runnable) > 1 else 0
        process = runnable[place]
        runnable[place] = runnable[-1]
        runnable.pop()
        process.queued = False
        if process.alive and not process.stalled:
            if process is not self._current:
                self._current = process
                asyncio._set_running_loop(process)
            process.turn()

    def _advance(self) -> None:
        """To the next thing that is due, and everything of that very moment."""
        due = self._due
        self.now_us = max(self.now_us, due[0][0])
        while due and due[0][0] <= self.now_us:
            timer = heapq.heappop(due)[2]
            if timer.callback is None:
                continue
            if timer.loop is None:
                timer.callback(*timer.arguments)
            elif timer.loop.alive:
                timer.loop.ready.append(timer)
                self.wake(timer.loop)


class Clock:
    """core.clock.Clock of the simulated machine."""

    def __init__(self, world: World) -> None:
        self._world = world

    def now_ms(self) -> int:
        return self._world.now_ms()

    def monotonic_ms(self) -> int:
        return self._world.now_us // 1000


class Process(asyncio.AbstractEventLoop):
    """A process: its event loop, for as long as it lives. What it started dies with it."""

    def __init__(self, world: World, name: str, network: Any) -> None:
        self.world = world
        self.name = name
        self.network = network
        self.alive = True
        self.stalled = False
        """Stopped as by SIGSTOP."""
        self.queued = False
        self.ready: deque[Timer] = deque()
        self.clock = Clock(world)
        self.ends: list[Any] = []
        """Its ends of connections."""
        self.at_death: list[Callable[[], None]] = []
        self.tasks: list[asyncio.Task[Any]] = []
        self.told_to_stop = asyncio.Event()
        """SIGTERM."""

    def turn(self) -> None:
        """One iteration: everything that is ready now. The caller has made it the running loop."""
        ready = self.ready
        for _ in range(len(ready)):
            timer = ready.popleft()
            if timer.callback is not None:
                timer.callback(*timer.arguments)
                if not self.alive or self.stalled:
                    break
        if ready:
            self.world.wake(self)

    def start(self, coroutine: Coroutine[Any, Any, Any], ended: Callable[[], None] = lambda: None) -> None:
        """A main task of the process; `ended` is called when it returns. If it raises, that is a bug."""

        def done(task: "asyncio.Task[Any]") -> None:
            if not task.cancelled() and (error := task.exception()) is not None:
                raise error
            ended()

        self.create_task(coroutine).add_done_callback(done)

    def kill(self) -> None:
        """As by SIGKILL: all memory is lost, the kernel closes what was open."""
        self.alive = False
        self.ready.clear()
        for action in self.at_death:
            action()
        self.network.bury(self)

    def stall(self, duration_us: int) -> None:
        """As by SIGSTOP, and SIGCONT after a while."""
        self.stalled = True
        self.world.after(duration_us, self._resume)

    def _resume(self) -> None:
        self.stalled = False
        if self.alive and self.ready:
            self.world.wake(self)

    def bury(self) -> None:
        """Closes the coroutines that were cut off, so that none of them is finished later, in somebody else's time."""
        self.alive = False
        asyncio._set_running_loop(self)
        for task in self.tasks:
            if not task.done():
                task._log_destroy_pending = False  # type: ignore[attr-defined]
                _close(task.get_coro())
        asyncio._set_running_loop(None)

    # What asyncio asks of a loop.

    def call_soon(self, callback: Callable[..., object], *args: Any, context: Context | None = None) -> Timer:  # type: ignore[override]
        timer = Timer(callback, args, self)
        if self.alive:
            self.ready.append(timer)
            if not self.queued:
                self.world.wake(self)
        return timer

    def call_later(  # type: ignore[override]
        self, delay: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> Timer:
        return self.call_at(self.world.now_us / 1e6 + delay, callback, *args)

    def call_at(  # type: ignore[override]
        self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> Timer:
        # Rounded up: a timer never runs before its time.
        return self.world.schedule(Timer(callback, args, self, -int(-when * 1e6 // 1)))

    def time(self) -> float:
        return self.world.now_us / 1e6

    def create_future(self) -> "asyncio.Future[Any]":
        return asyncio.Future(loop=self)

    def create_task(self, coro: Any, *, name: str | None = None, context: Context | None = None) -> Any:
        task = asyncio.Task(coro, loop=self, name=name)
        self.tasks.append(task)
        return task

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return True

    def is_closed(self) -> bool:
        return not self.alive

    def set_exception_handler(self, handler: Any) -> None:
        """Not needed: whatever goes wrong in a callback breaks the schedule (`call_exception_handler`)."""

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        if self.alive:
            raise Broken(f"{self.name}: {context.get('message')}: {context.get('exception')!r}")

    async def create_server(  # type: ignore[override]
        self, factory: Any, host: Any = None, port: Any = None, **options: Any
    ) -> Any:
        return self.network.listen(self, (host, port), factory)

    async def create_connection(  # type: ignore[override]
        self, factory: Any, host: Any = None, port: Any = None, **options: Any
    ) -> Any:
        return await self.network.connect(self, (host, port), factory)


def process_of(world: World, name: str, network: Any) -> Process:
    """A new process. (The type of event loops has 35 methods that nobody here calls.)"""
    return Process(world, name, network)  # type: ignore[abstract]


def _close(coroutine: Any) -> None:
    """Ends a coroutine whatever it does in its `finally` blocks: nobody is there any more for whom they could matter."""
    for _ in range(5):
        try:
            coroutine.close()
        except (RuntimeError, asyncio.CancelledError):
            continue
        return
