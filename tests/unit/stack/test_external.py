"""DATABASE_URL and REDIS_URL: services that run already are used, and left as they were found."""

from pathlib import Path
from urllib.parse import quote, urlsplit

import psycopg
import pytest
import redis

from stack import secretfiles
from stack.embedded import Services
from stack.errors import StackError
from tests.conftest import Cache

pytestmark = pytest.mark.services


@pytest.fixture(autouse=True)
def _own_state_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAYTRADE_STATE_DIR", str(tmp_path / "state"))


@pytest.fixture
def environ(services: Services, redis_db: Cache) -> dict[str, str]:
    """The test's own servers, named as somebody else's would be: with the passwords in the URLs."""
    secret = quote((services.directory / "superuser.password").read_text().strip())
    server = urlsplit(services.postgres.superuser_url)
    cache = urlsplit(redis_db.url)
    return {
        "DATABASE_URL": f"postgresql://{server.username}:{secret}@{server.hostname}:{server.port}/postgres",
        "REDIS_URL": f"redis://:{quote(redis_db.password or '')}@{cache.hostname}:{cache.port}/0",
    }


def databases(url: str) -> set[str]:
    with psycopg.connect(url) as connection:
        return {name for (name,) in connection.execute("SELECT datname FROM pg_database")}


def test_a_fresh_stack_takes_a_database_of_its_own_and_drops_it(
    services: Services,
    environ: dict[str, str],
    redis_db: Cache,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = databases(services.admin_url)
    taken = redis.Redis.from_url(redis_db.url, password=redis_db.password)
    taken.set("somebody", "else's")
    own = Services(tmp_path / "own", environ, fresh=True)
    own.start()
    try:
        assert databases(services.admin_url) - before == {own.database}
        with psycopg.connect(own.url("daytrade_audit")) as connection:
            assert connection.execute("SELECT count(*) FROM audit").fetchone() == (0,)
        assert own.redis_url.endswith("/1")
        assert own.redis_password_file is not None
        cache = redis.Redis.from_url(own.redis_url, password=own.redis_password_file.read_text().strip())
        cache.set("quote", "1")
    finally:
        own.stop()
    another = Services(tmp_path / "another", environ, fresh=True)
    assert another.url("daytrade_audit", "postgres") == own.url("daytrade_audit", "postgres")
    assert databases(services.admin_url) == before
    assert taken.get("somebody") == b"else's"
    assert cache.dbsize() == 0
    with psycopg.connect(services.admin_url):
        pass  # it was not ours to stop
    give_the_roles_their_passwords_back(services)


def give_the_roles_their_passwords_back(services: Services) -> None:
    """Roles belong to the whole server, and these two stacks shared one."""
    with psycopg.connect(services.admin_url) as connection:
        for path in services.directory.glob("daytrade_*.password"):
            connection.execute(f"ALTER ROLE {path.stem} PASSWORD '{path.read_text().strip()}'")


def test_no_url_holds_a_password(environ: dict[str, str], tmp_path: Path) -> None:
    own = Services(tmp_path / "own", environ)
    for url in (own.postgres.superuser_url, own.url("daytrade_trigger"), own.redis_url):
        assert secretfiles.split_password(url)[1] is None
    assert own.database == "postgres"


@pytest.mark.parametrize("name", ["DATABASE_URL", "REDIS_URL"])
def test_one_that_does_not_answer_is_told_with_its_name(
    environ: dict[str, str], name: str, tmp_path: Path
) -> None:
    scheme = environ[name].partition(":")[0]
    with pytest.raises(StackError, match=f"{name} cannot be used") as raised:
        Services(tmp_path / "own", {**environ, name: f"{scheme}://me:hidden@127.0.0.1:1/x0"}).start()
    assert "hidden" not in str(raised.value)
