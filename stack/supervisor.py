"""Brings the whole system up in one folder, brings back what dies, and takes all of it down again.

Run as `python -m stack.supervisor DIRECTORY SHAPE [--fresh]` with the shape as JSON; a fresh one removes its folder at the
end, unless its logs are needed to see what went wrong. One thread on purpose: the kernel ends a child when the thread
that started it ends (guard.py).
"""

import contextlib
import os
import resource
import shutil
import signal
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FrameType
from typing import Final

import msgspec

from core import log
from core.settings import Address
from stack import logfile, ports, secretfiles, state, topology
from stack.embedded import Services
from stack.errors import StackError
from stack.process import Identity, Launch
from stack.server import OwnServer
from stack.state import Part, State
from stack.supervised import Supervised
from stack.topology import Shape, Surroundings, Tier

BALANCER_PORT: Final = 7000
"""Where a lasting stack's load balancer listens when the port is free."""
WEB_PORT: Final = 8000
"""The same for its web client."""
_TICK_SECONDS: Final = 0.05
_TICKS_PER_TRIM: Final = 100
_STALE_SECONDS: Final = 15.0
_SERVICE_PAUSE_SECONDS: Final = 2.0
_KNOWN_PORTS: Final = {topology.BALANCER: BALANCER_PORT, topology.WEB_CLIENT: WEB_PORT}
_NOT_FOR_TIERS: Final = ("DATABASE_URL", "REDIS_URL")
"""Of our environment: they may hold passwords, and tiers have settings of their own."""


class Supervisor:
    """A stack in `directory`. Say `run`."""

    def __init__(
        self, directory: Path, shape: Shape, environ: Mapping[str, str], fresh: bool = False
    ) -> None:
        self.directory = directory
        self._shape = shape
        self._environ = environ
        self._fresh = fresh
        self._services = Services(directory / "services", environ, fresh)
        external = environ.get("DAYTRADE_QUOTE_SERVER")
        self._external_quotes = Address.parse(external) if external else None
        self._ports: dict[str, ports.Reservation] = {}
        self._groups: list[list[Supervised]] = []
        self._stopping = False
        """Set by a signal: a plain flag, because a handler that sets a threading.Event while the same thread waits for it may
        find the event's own lock taken, for ever."""
        self._ready = False
        self._patience_until = 0.0

    def run(self, on_ready: Callable[[State], None] | None = None) -> None:
        """Runs the stack until SIGTERM, SIGINT or SIGHUP. Raises StackError when it does not come up or go down."""
        with state.lock(self.directory):
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                signal.signal(number, self._told_to_stop)
            stop_left_behind(self.directory)
            try:
                self._start()
                if on_ready and not self._stopping:
                    on_ready(self._state())
                self._watch()
            except BaseException:
                with contextlib.suppress(StackError):  # what comes second, and would hide the first
                    self._take_down()
                raise
            self._take_down()

    def _told_to_stop(self, number: int, frame: FrameType | None) -> None:
        self._stopping = True

    def _start(self) -> None:
        _allow_many_connections()
        self._services.start()
        for name in topology.names(self._shape, simulated=self._external_quotes is None):
            known = None if self._fresh else _KNOWN_PORTS.get(name)
            self._ports[name] = ports.reserve_first(known) if known else ports.reserve()
        for group in topology.levels(topology.tiers(self._shape, self._addresses(), self._surroundings())):
            if self._stopping:
                return
            supervised = [Supervised(tier, self._launch(tier)) for tier in group]
            self._groups.append(supervised)
            for each in supervised:
                each.start()
            self._say()
            for each in supervised:
                each.await_ready()
        self._ready = True
        self._say()

    def _watch(self) -> None:
        ticks = 0
        while not self._stopping:
            time.sleep(_TICK_SECONDS)
            changed = [each.look() for each in self._supervised()]
            changed += [self._look_at(server) for server in self._own_servers()]
            if any(changed):
                self._say()
            ticks += 1
            if ticks % _TICKS_PER_TRIM == 0:
                for path in (*self.directory.glob("logs/*.log"), *self.directory.glob("services/*.log")):
                    logfile.trim(path)

    def _look_at(self, server: OwnServer) -> bool:
        """Brings a service back. One that cannot start now (a full disk) is tried again; the tiers wait for it meanwhile."""
        if not server.died or time.monotonic() < self._patience_until:
            return False
        try:
            server.restart()
        except StackError as error:
            log.get_logger().error("service does not start", service=server.name, why=str(error))
            self._patience_until = time.monotonic() + _SERVICE_PAUSE_SECONDS
        return True

    def _take_down(self) -> None:
        """The balancer first, so that nobody is promised anything any more; the services last.

        Raises StackError when a tier did not end as it should.
        """
        codes: dict[str, int] = {}
        for group in reversed(self._groups):
            for each in group:
                each.ask_to_stop()
            codes |= {each.tier.name: each.finish() for each in group}
        self._services.stop()
        state.remove(self.directory)
        if unclean := [f"{name} with {code}" for name, code in codes.items() if code]:
            raise StackError(
                f"Stopped, but not cleanly ({', '.join(unclean)}): look into {self.directory}/logs."
            )
        if self._fresh:
            shutil.rmtree(self.directory, ignore_errors=True)

    def _supervised(self) -> list[Supervised]:
        return [each for group in self._groups for each in group]

    def _own_servers(self) -> list[OwnServer]:
        return [
            each for each in (self._services.postgres, self._services.valkey) if isinstance(each, OwnServer)
        ]

    def _addresses(self) -> dict[str, Address]:
        return {name: Address((ports.LOOPBACK, reserved.port)) for name, reserved in self._ports.items()}

    def _surroundings(self) -> Surroundings:
        return Surroundings(
            transaction_url=self._services.url("daytrade_transaction"),
            trigger_url=self._services.url("daytrade_trigger"),
            redis_url=self._services.redis_url,
            redis_password_file=self._services.redis_password_file,
            log_dir=self._log_dir,
            quote_server=self._external_quotes,
            web_url=self._services.url("daytrade_web"),
            web_secret_file=self._web_secret() if self._shape.web_client else None,
        )

    @property
    def _log_dir(self) -> Path:
        """DAYTRADE_LOG_DIR when it is set; else a folder that goes with the stack."""
        named = self._environ.get("DAYTRADE_LOG_DIR")
        folder = Path(named).absolute() if named else self.directory / "audit"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _web_secret(self) -> Path:
        """The key of the web client's HMACs, made on first use."""
        file = self.directory / "services" / "web.secret"
        secretfiles.password(file)
        return file

    def _web(self) -> str | None:
        """Where a browser finds the web client."""
        if not self._shape.web_client:
            return None
        scheme = "https" if self._environ.get("DAYTRADE_TLS_CERT") else "http"
        return f"{scheme}://{self._addresses()[topology.WEB_CLIENT]}/"

    def _launch(self, tier: Tier) -> Launch:
        logs = self.directory / "logs"
        logs.mkdir(exist_ok=True)
        kept = {name: value for name, value in self._environ.items() if name not in _NOT_FOR_TIERS}
        argv = [sys.executable, "-m", tier.package, *tier.arguments]
        env = kept | {"PYTHONPATH": str(state.ROOT)} | tier.env
        return Launch(argv=argv, log=logs / f"{tier.name}.log", env=env, cwd=state.ROOT)

    def _state(self) -> State:
        addresses = self._addresses()
        quotes = self._external_quotes or addresses[topology.QUOTE_SERVER]
        password_file = self._services.redis_password_file
        return State(
            supervisor=_myself(),
            ready=self._ready,
            shape=self._shape,
            parts=[*map(_service_part, self._own_servers()), *(each.part() for each in self._supervised())],
            balancer=str(addresses[topology.BALANCER]),
            quote_server=str(quotes),
            quote_control=None if self._external_quotes else str(addresses[topology.QUOTE_CONTROL]),
            admin_url=self._services.admin_url,
            audit_url=self._services.url("daytrade_audit"),
            redis_url=self._services.redis_url,
            redis_password_file=str(password_file) if password_file else None,
            log_dir=str(self._log_dir),
            web=self._web(),
        )

    def _say(self) -> None:
        state.write(self.directory, self._state())


def stop_left_behind(directory: Path) -> None:
    """Stops the tiers of a stack whose supervisor was killed, where the kernel did not. Call with the folder locked."""
    last = state.read_last(directory)
    left = [part.process for part in last.parts if part.process] if last else []
    for process in left:
        process.signal(signal.SIGINT)  # a clean stop for tiers, and a fast one for Postgres
    for process in left:
        if not process.wait_gone(_STALE_SECONDS):
            process.signal(signal.SIGKILL)
    state.remove(directory)


def _service_part(server: OwnServer) -> Part:
    process = Identity.of(server.pid) if server.pid else None
    return Part(server.name, f"{ports.LOOPBACK}:{server.port}", process, not server.died, server.restarts)


def _myself() -> Identity:
    identity = Identity.of(os.getpid())
    assert identity is not None
    return identity


def _allow_many_connections() -> None:
    """Each client is an open file of the load balancer; children inherit the limit."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def main(arguments: list[str]) -> None:
    """Exits with 1 and one sentence on standard error when the stack does not come up."""
    directory, shape = Path(arguments[0]), msgspec.json.decode(arguments[1], type=Shape)
    try:
        Supervisor(directory, shape, os.environ, fresh="--fresh" in arguments[2:]).run()
    except StackError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main(sys.argv[1:])
