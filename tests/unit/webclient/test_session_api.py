"""Registration, log-in, log-out, password change through the application."""

from apiflask import APIFlask

PASSWORD = "correct horse battery"


def test_register_and_log_out(app: APIFlask) -> None:
    client = app.test_client()
    made = client.post("/api/registration", json={"user": "alice", "password": PASSWORD})
    assert made.status_code == 201, made.text
    print(made.headers, made.json)
    shown = client.get("/api/session", base_url="https://localhost")
    print(shown.json)
    assert client.get("/api/session").json["user"] in ("alice", None)
