"""What a tier is told at its start, all of it by environment variables that begin with DAYTRADE_.

Secrets never stand in a variable: the database URL names a `passfile`, the cache's password lies in a file.
"""

from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from core.limits import MAX_WEB_RATE, PENDING_LIFE_MS, QUOTE_LIFE_MS


class Address(tuple[str, int]):
    """host, port: as asyncio and socket want them."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> "Address":
        """`127.0.0.1:7001`. Raises ValueError for anything else."""
        host, _, port = text.strip().rpartition(":")
        if not host or not port.isdigit() or not 0 < int(port) < 65536:
            raise ValueError(f"{text!r} is not HOST:PORT")
        return cls((host, int(port)))

    def __str__(self) -> str:
        return f"{self[0]}:{self[1]}"


class Settings(BaseSettings):
    """One tier's settings. A tier reads only those that its room needs."""

    model_config = SettingsConfigDict(env_prefix="DAYTRADE_", extra="ignore", arbitrary_types_allowed=True)

    name: str = "daytrade"
    """The tier's name in the audit log and in its own log, for example `transaction-0`."""
    listen: Annotated[Address | None, NoDecode] = None
    """Where this tier accepts connections."""
    balancer: Annotated[Address | None, NoDecode] = None
    """The load balancer (web client)."""
    web_servers: Annotated[list[Address], NoDecode] = Field(default_factory=list)
    """All web servers, comma-separated (load balancer)."""
    shards: Annotated[list[Address], NoDecode] = Field(default_factory=list)
    """All transaction shards in order, comma-separated; a user's shard is its place in this list (web server)."""
    shard: int = 0
    """Which place in that list this process has (transaction server)."""
    shard_count: int = 1
    """How many shards there are (transaction server)."""
    quote_server: Annotated[Address | None, NoDecode] = None
    """The legacy quote server."""
    database_url: str = ""
    """libpq URL of this tier's role, with `passfile=` for its password."""
    redis_url: str = ""
    redis_password_file: Path | None = None
    log_dir: Path = Path("logs")
    """The only folder into which DUMPLOG writes."""
    quote_life_ms: int = Field(default=QUOTE_LIFE_MS, gt=0, le=QUOTE_LIFE_MS)
    pending_life_ms: int = Field(default=PENDING_LIFE_MS, gt=0, le=PENDING_LIFE_MS)
    trigger_poll_ms: int = Field(default=250, gt=0)
    """How often the trigger server looks at the cached prices."""
    log_level: str = "info"
    web_workers: int = Field(default=2, gt=0, le=64)
    """Processes of the web client."""
    web_secret_file: Path | None = None
    """A 0600 file with the key of the web client's HMACs."""
    web_user_rate: int = Field(default=50, gt=0, le=MAX_WEB_RATE)
    """Requests a second that one user may send to the web client; for a moment five times as many."""
    web_address_rate: int = Field(default=2_000, gt=0, le=MAX_WEB_RATE)
    """The same for one network address."""
    web_login_rate: int = Field(default=60, gt=0, le=MAX_WEB_RATE)
    """Log-ins and registrations a minute from one network address."""
    tls_cert: Path | None = None
    """Certificate chain (PEM) of the web client, which then speaks HTTPS; with `tls_key`."""
    tls_key: Path | None = None
    metrics: Annotated[Address | None, NoDecode] = None
    """Where this tier shows its metrics; nowhere unless set."""
    metrics_targets: Annotated[dict[str, Address], NoDecode] = Field(default_factory=dict)
    """Where all tiers show theirs, `name=HOST:PORT` comma-separated (web client)."""

    @field_validator("listen", "balancer", "quote_server", "metrics", mode="before")
    @classmethod
    def _address(cls, value: object) -> object:
        return (Address.parse(value) if value else None) if isinstance(value, str) else value

    @field_validator("web_servers", "shards", mode="before")
    @classmethod
    def _addresses(cls, value: object) -> object:
        if isinstance(value, str):
            return [Address.parse(part) for part in value.split(",") if part.strip()]
        return value

    @field_validator("metrics_targets", mode="before")
    @classmethod
    def _named_addresses(cls, value: object) -> object:
        if isinstance(value, str):
            pairs = [part.strip().partition("=") for part in value.split(",") if part.strip()]
            return {name: Address.parse(address) for name, _, address in pairs}
        return value

    @property
    def listen_address(self) -> Address:
        """Where to listen. Raises ValueError when nobody said so."""
        if self.listen is None:
            raise ValueError("DAYTRADE_LISTEN is not set (HOST:PORT)")
        return self.listen

    @property
    def redis_password(self) -> str | None:
        """The cache's password, read from its file."""
        return self.redis_password_file.read_text().strip() if self.redis_password_file else None
