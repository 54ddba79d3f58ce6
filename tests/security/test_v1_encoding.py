"""ASVS 5.0.0, V1: encoding and sanitization."""

import ast
import json
import re
from pathlib import Path
from urllib.parse import quote

import psycopg
from apiflask import APIFlask

from grader.check import check_log
from tests.conftest import Database
from tests.security.peer import ask, log_in, register
from tests.security.sources import calls, client_files, imports
from tests.unit.webclient.visitors import supervisor

SCRIPT = '"><script>alert(1)</script>'
INJECTIONS = [
    "' OR '1'='1",
    "'; DROP TABLE login; --",
    "alice'--",
    '" OR ""="',
    "%",
    "\\'; SELECT 1; --",
    "$1",
    "%(user)s",
]


def test_v1_2_1_output_is_encoded_for_its_context(app: APIFlask) -> None:
    """What a request brings comes back encoded for where it stands: in HTML, in JSON, in a header."""
    for path in ("/problems/", "/", "/api/", "/some/page/"):
        answer = ask(app, "GET", path + quote(SCRIPT))
        assert answer.mimetype == "application/problem+json" or SCRIPT not in answer.text, path
    answer = ask(app, "GET", "/problems/" + quote("<b onclick=alert(1)>"))
    assert (answer.status_code, answer.mimetype) == (404, "application/problem+json")
    known = ask(app, "GET", "/problems/BUSY")
    assert known.mimetype == "text/html"
    assert "Busy" in known.text
    boss = supervisor(app)
    for name in (SCRIPT, 'x"; filename="y', "a\r\nSet-Cookie: x=y"):
        refused = boss.ask("POST", "/api/supervisor/dumps", json={"filename": name})
        assert refused.status_code == 400
        assert refused.mimetype == "application/problem+json"
        assert "Set-Cookie" not in refused.headers
    csv = boss.ask("GET", "/api/supervisor/history.csv", query_string={"user": "alice"})
    assert re.fullmatch(r'attachment; filename="?history-alice\.csv"?', csv.headers["Content-Disposition"])


def test_v1_2_2_untrusted_parts_of_urls_are_encoded(app: APIFlask) -> None:
    """URLs are put together from encoded parts, and lead nowhere but to http resources of our own."""
    pattern = re.compile(r"`(?:/api)?/[a-z][^`]*`")
    built = [
        (path.name, text)
        for path in client_files()
        if path.suffix == ".ts"
        for text in pattern.findall(path.read_text("utf-8"))
    ]
    assert len(built) > 10
    safe = re.compile(r"(at|encodeURIComponent|query)\(|(side|verb|place|path|entry\.path)\Z")
    for name, text in built:
        for part in re.findall(r"\$\{([^}]*)", text):
            assert safe.match(part), f"{name}: {text}"
    for name in ("javascript:alert(1)", "../../etc/passwd", "//evil.example"):
        answer = supervisor(app).ask("POST", "/api/supervisor/dumps", json={"filename": name})
        assert answer.status_code == 400


def test_v1_2_3_json_is_encoded(app: APIFlask) -> None:
    """Text of a request that comes back in JSON stays text: quotes, controls and line separators do not break the document."""
    for hostile in ('"}', '\\"', "\u2028", "</script>", "\x01"):
        answer = ask(app, "GET", f"/api/{quote(hostile)}")
        assert answer.status_code == 404
        assert json.loads(answer.text)["instance"] == f"/api/{hostile}"


def test_v1_2_4_queries_are_parameterized(app: APIFlask, database: Database) -> None:
    """No text of a request becomes part of a query, and none changes what a query means."""
    register(app, "alice")
    for text in INJECTIONS:
        assert log_in(app, "alice", text.ljust(8)).status_code in {401, 429}
        assert log_in(app, text).status_code == 400
    boss = supervisor(app)
    everybody = boss.get("/api/supervisor/users")["users"]
    assert len(everybody) == 2
    for text in INJECTIONS:
        found = boss.ask("GET", "/api/supervisor/users", query_string={"search": text})
        assert found.status_code == 400 or found.json == {"users": [], "next": None}, text
        assert boss.ask("GET", "/api/supervisor/history", query_string={"user": text}).status_code == 400
        assert boss.ask("GET", "/api/symbols", query_string={"prefix": text}).status_code == 400
    with psycopg.connect(database.admin_url) as connection:
        assert connection.execute("SELECT count(*) FROM login").fetchone() == (2,)
    executed = [(where, node) for where, name, node in calls() if name.endswith((".execute", ".executemany"))]
    built = [
        where
        for where, node in executed
        if isinstance(node.args[0], ast.JoinedStr | ast.BinOp) and "migrat" not in where
    ]
    assert len(executed) > 15
    assert built == []


def test_v1_2_5_no_operating_system_commands() -> None:
    """The web tier starts no programs, so nothing can be put into a command line."""
    forbidden = {"subprocess", "pty", "commands", "popen2"}
    assert [pair for pair in imports() if pair[1].split(".")[0] in forbidden] == []
    named = re.compile(r"os\.(system|popen|exec\w*|spawn\w*|posix_spawn\w*)\Z")
    assert [where for where, name, _ in calls() if named.match(name)] == []


def test_v1_3_2_no_code_is_made_of_text() -> None:
    """Neither the server nor the page runs text as code; the page's policy would not let it."""
    names = {"eval", "exec", "compile", "__import__", "pickle.loads", "marshal.loads", "yaml.load"}
    assert [where for where, name, _ in calls() if name in names] == []
    hostile = re.compile(r"\beval\(|new Function\b|setTimeout\(\s*[\"'`]|setInterval\(\s*[\"'`]")
    assert [path.name for path in client_files() if hostile.search(path.read_text("utf-8"))] == []
    from webclient.headers import CONTENT_SECURITY_POLICY

    assert "unsafe" not in CONTENT_SECURITY_POLICY


def test_v1_5_1_xml_parsers_resolve_nothing(tmp_path: Path) -> None:
    """The web tier parses no XML at all; the one place of the system that does (grading a log) resolves no entities."""
    assert [
        pair for pair in imports() if pair[1].split(".")[0] in {"lxml", "xml", "defusedxml", "expat"}
    ] == []
    bomb = tmp_path / "log.xml"
    bomb.write_text(
        '<!DOCTYPE log [<!ENTITY f SYSTEM "file:///etc/hostname">]><log><userCommand>&f;</userCommand></log>'
    )
    assert "document type" in check_log(bomb).of("xml")[0].text
