"""ASVS 5.0.0, V9, V11 and V12: self-contained tokens, cryptography, secure communication."""

import ast
import os
import re
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from apiflask import APIFlask

from core.settings import Settings
from stack.ports import reserve
from tests.security.peer import DEVICE, cookie, log_in, other, register
from tests.security.sources import ROOT, calls
from tests.unit.webclient.visitors import problem
from webclient.compose import make_parts
from webclient.lockout import OF_USER


def lock_out(app: APIFlask, user: str) -> None:
    """Guesses until that user is locked out here, for everybody without a device cookie."""
    while problem(log_in(app, user, "not the password"))[1] != "LOCKED_OUT":
        pass


def test_v9_1_1_tokens_are_authenticated(app: APIFlask) -> None:
    """The one token that carries its meaning in itself, the device cookie, is believed only with its MAC, for its user."""
    token = cookie(register(app, "alice"), DEVICE)
    bobs = cookie(register(app, "bob"), DEVICE)
    nonce, _, mac = token.partition(".")
    lock_out(app, "alice")
    forged = [
        nonce,
        f"{nonce}.",
        f"{nonce}.{mac[:-1]}",
        f"{nonce}.{mac.upper()}",
        f"{nonce}x.{mac}",
        f".{mac}",
        bobs,
        "a.b.c",
    ]
    for wrong in forged:
        assert problem(log_in(app, "alice", Cookie=f"{DEVICE}={wrong}"))[1] == "LOCKED_OUT", wrong
    assert log_in(app, "alice", Cookie=f"{DEVICE}={token}").status_code == 200


def test_v9_1_2_there_is_one_algorithm(app: APIFlask) -> None:
    """The token names no algorithm: HMAC with SHA-256 it is, 64 hexadecimal digits, never none."""
    token = cookie(register(app, "alice"), DEVICE)
    assert re.fullmatch(r"[A-Za-z0-9_-]{22}\.[0-9a-f]{64}", token)
    macs = [node for _, name, node in calls() if name == "hmac.new"]
    assert len(macs) >= 2
    assert all(ast.unparse(node.args[2]) == "hashlib.sha256" for node in macs)


def test_v9_1_3_the_key_is_the_servers(app: APIFlask, web_settings: Settings, tmp_path: Path) -> None:
    """The key comes from the file that the operator names and from nowhere else: under another key the token is worth nothing."""
    token = cookie(register(app, "alice"), DEVICE)
    key = tmp_path / "other-key"
    key.write_text("quite another secret than the one before")
    parts = make_parts(other(web_settings, web_secret_file=key), app.extensions["daytrade"].clock)
    try:
        assert not parts.lockout.is_device("alice", token)
        assert app.extensions["daytrade"].lockout.is_device("alice", token)
    finally:
        parts.lines.stop()
        parts.pool.close()
    for wrong in (None, tmp_path / "missing"):
        with pytest.raises((ValueError, OSError)):
            make_parts(other(web_settings, web_secret_file=wrong), app.extensions["daytrade"].clock)
    short = tmp_path / "short"
    short.write_text("short")
    with pytest.raises(ValueError, match="less than"):
        make_parts(other(web_settings, web_secret_file=short), app.extensions["daytrade"].clock)
    assert OF_USER.free > 0


def test_v11_4_1_approved_hashes_only() -> None:
    """Hashes that stand for security are SHA-256 or argon2id; the others say that they do not."""
    weak = re.compile(r"hashlib\.(md5|sha1|new)\Z|(^|\.)md5\Z")
    found = [(where, node) for where, name, node in calls() if weak.search(name)]
    for where, node in found:
        assert any(
            word.arg == "usedforsecurity" and ast.unparse(word.value) == "False" for word in node.keywords
        ), where
    assert any(name == "hashlib.sha256" for _, name, _ in calls())
    assert "argon2.PasswordHasher" in {name for _, name, _ in calls()}


@pytest.fixture
def secured(web_settings: Settings, tmp_path: Path) -> Iterator[int]:
    """The port of a web client with a certificate (which signs itself)."""
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    held = reserve()
    port = held.port
    held.release()
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    make = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "2",
    ]
    subprocess.run([*make, *subject, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    env = {
        "DAYTRADE_LISTEN": f"127.0.0.1:{port}", "DAYTRADE_TLS_CERT": certificate, "DAYTRADE_TLS_KEY": key,
        "DAYTRADE_DATABASE_URL": web_settings.database_url, "DAYTRADE_REDIS_URL": web_settings.redis_url,
        "DAYTRADE_WEB_SECRET_FILE": web_settings.web_secret_file, "DAYTRADE_BALANCER": "127.0.0.1:9",
        "DAYTRADE_WEB_WORKERS": 1,
    }  # fmt: skip
    told = os.environ | {name: str(value) for name, value in env.items()}
    with subprocess.Popen([sys.executable, "-m", "webclient"], env=told, cwd=ROOT) as process:
        try:
            wait_for(port)
            yield port
        finally:
            process.terminate()


def wait_for(port: int) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            assert time.monotonic() < deadline, "the web client did not start"
            time.sleep(0.05)
        else:
            return


def handshake(port: int, version: ssl.TLSVersion) -> str | None:
    """The version that a client gets who speaks that one only."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = version
    with socket.create_connection(("127.0.0.1", port), 10) as plain, context.wrap_socket(plain) as secure:
        secure.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert secure.recv(100).startswith(b"HTTP/1.1 200")
        return secure.version()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_v12_1_1_current_tls_only(secured: int) -> None:
    """With a certificate the web client speaks TLS 1.3 and 1.2, and nothing older."""
    assert handshake(secured, ssl.TLSVersion.TLSv1_3) == "TLSv1.3"
    assert handshake(secured, ssl.TLSVersion.TLSv1_2) == "TLSv1.2"
    for old in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
        with pytest.raises((ssl.SSLError, ConnectionError)):
            handshake(secured, old)


def test_v12_2_1_no_way_back_to_plain_text(secured: int) -> None:
    """With a certificate nothing is answered that was not asked by TLS; without one the stack listens on this machine only."""
    with socket.create_connection(("127.0.0.1", secured), 5) as plain:
        plain.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        plain.settimeout(5)
        try:
            answer = plain.recv(1000)
        except ConnectionError:
            answer = b""
    assert b"200" not in answer
    assert b"ok" not in answer
    compose = (ROOT / "docker-compose.yml").read_text("utf-8")
    published = re.findall(r'ports: \["([^"]*)"', compose)
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)
