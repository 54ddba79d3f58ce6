"""An embedded Valkey: a cache on the loopback address, with a password, that writes nothing to disk."""

from collections.abc import Sequence
from pathlib import Path

import redis

from stack import binaries, ports, secretfiles
from stack.server import OwnServer

_CONFIG = """\
bind {host}
port {port}
requirepass {password}
protected-mode yes
daemonize no
save ""
appendonly no
databases 16
maxmemory 256mb
dir {directory}
"""


class EmbeddedValkey(OwnServer):
    """Valkey in `directory`. Its password is in `password_file`, and in a configuration file that only we may read."""

    name = "valkey"

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self._program = binaries.valkey_server()
        self.password_file = directory / "valkey.password"

    @property
    def url(self) -> str:
        """`redis://` URL without the password."""
        return f"redis://{ports.LOOPBACK}:{self.port}/0"

    def argv(self, port: int) -> Sequence[str]:
        config = self.directory / "valkey.conf"
        password = secretfiles.password(self.password_file)
        text = _CONFIG.format(host=ports.LOOPBACK, port=port, password=password, directory=self.directory)
        secretfiles.write(config, text)
        return [str(self._program), str(config)]

    def answers(self) -> bool:
        client = redis.Redis.from_url(
            self.url,
            password=secretfiles.password(self.password_file),
            socket_timeout=2,
            socket_connect_timeout=2,
        )
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False
        finally:
            client.close()

    def prepare(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
