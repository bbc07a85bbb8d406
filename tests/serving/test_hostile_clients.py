"""Clients that say nothing, little, or too much: whoever asks meanwhile is answered."""

import contextlib
import socket
import time
from collections.abc import Iterator

import pytest

httpx = pytest.importorskip("httpx", reason="asks as programs do, with httpx")

HEAD = b"POST /translate/emoji HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 900000\r\n\r\n"


@contextlib.contextmanager
def connected(server, count: int, sent: bytes = b"") -> Iterator[list[socket.socket]]:
    """So many connections that send no more than that."""
    host, port = server.url.removeprefix("http://").split(":")
    with contextlib.ExitStack() as stack:
        sockets = []
        for _ in range(count):
            one = stack.enter_context(socket.create_connection((host, int(port)), timeout=10))
            one.sendall(sent)
            sockets.append(one)
        yield sockets


def answered(server, picture) -> bool:
    return server.post("/translate/emoji", picture.read_bytes()).status_code == 200


def test_silent_connections_keep_nobody_out(server, picture, monkeypatch):
    from diptych.serving import connections

    monkeypatch.setattr(connections, "MOST", 40)
    with connected(server, 60) as silent:
        assert answered(server, picture)
        time.sleep(0.2)
        open_still = 0
        for one in silent:
            one.setblocking(False)
            try:
                open_still += one.recv(1) != b""
            except BlockingIOError:
                open_still += 1
            except ConnectionError:
                pass
        assert open_still <= 40


LOGIN = b"POST /login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\n"


@pytest.mark.parametrize("head", [HEAD, LOGIN])
def test_connections_whose_bodies_do_not_come_keep_nobody_out(head, server, picture, monkeypatch):
    from diptych.serving import connections

    monkeypatch.setattr(connections, "MOST", 40)
    with connected(server, 40, head + b"x"):
        for _ in range(3):
            assert answered(server, picture)


def test_a_login_that_does_not_come_is_told_so(server, monkeypatch):
    from diptych.serving import guard

    monkeypatch.setattr(guard, "LOGIN_SECONDS", 0.3)
    with connected(server, 1, LOGIN + b"x") as (one,):
        assert one.recv(1000).startswith(b"HTTP/1.1 408")


def test_who_sends_a_byte_takes_no_place_in_the_line(server, picture):
    with connected(server, 30, HEAD + b"x"):
        assert answered(server, picture)
        assert server.get("/health").json()["in_line"] == 0


@pytest.mark.parametrize("sent", [b"", b"GET /health HTTP/1.1\r\nHost:"])
def test_a_head_that_does_not_end_ends_the_connection(server, monkeypatch, sent):
    from diptych.serving import connections

    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.3)
    with connected(server, 1, sent) as (one,), contextlib.suppress(ConnectionError):
        assert one.recv(1) == b""


FORM = HEAD.replace(b"translate", b"batch").replace(
    b"\r\n\r\n", b"\r\nContent-Type: multipart/form-data; boundary=x\r\n\r\n"
)


@pytest.mark.parametrize("head", [HEAD, FORM])
def test_a_body_that_does_not_come_is_told_so(head, server, picture, monkeypatch):
    from diptych.serving import bodies

    monkeypatch.setattr(bodies, "SILENCE", 0.3)
    with connected(server, 1, head + b"x") as (one,):
        answer = "".join(one.recv(1000).decode() for _ in range(2))  # head and body
    assert answer.startswith("HTTP/1.1 408")
    assert "came too slowly" in answer
    assert answered(server, picture)


CHUNKED = b"POST /%s HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize("path", [b"translate/emoji", b"batch/emoji", b"login", b"health"])
def test_what_stops_being_http_half_way_is_told_and_leaves_no_traceback(
    path, server, picture, caplog
):
    with connected(server, 1, CHUNKED % path + b"4\r\nabcd\r\n") as (one,):
        time.sleep(0.2)
        with contextlib.suppress(ConnectionError):
            one.sendall(b"no number\r\n")
            assert one.recv(1000).startswith(b"HTTP/1.1 40")
    assert answered(server, picture)
    assert "Traceback" not in caplog.text


def test_what_arrives_at_once_is_bounded_in_all(serving, picture):
    server = serving(upload=100_000)
    head = HEAD.replace(b"900000", b"90000") + bytes(89_000)
    with connected(server, 4, head):
        time.sleep(0.5)
        late = server.post("/translate/emoji", bytes(80_000))
        assert late.status_code == 503
        assert "too much is being sent at once" in late.json()["error"]
    time.sleep(0.5)
    assert answered(server, picture)


def test_an_answer_that_nobody_takes_ends_the_connection(server, picture, monkeypatch):
    from diptych.serving import connections

    monkeypatch.setattr(connections, "TAKE_SECONDS", 0.3)
    body = picture.read_bytes()
    asked = (
        HEAD.replace(b"/emoji", b"/emoji?format=npy").replace(b"900000", b"%d" % len(body)) + body
    )
    with connected(server, 1) as (one,):
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        with pytest.raises((ConnectionError, TimeoutError)):
            one.sendall(2000 * asked)  # answers pile up
    assert answered(server, picture)


def test_what_is_asked_before_answers_have_gone_is_bounded(server, picture):
    body = picture.read_bytes()
    asked = HEAD.replace(b"900000", b"%d" % len(body)) + body
    with connected(server, 1) as (one,), pytest.raises(ConnectionError):
        one.sendall(3000 * asked)  # 18 MB, faster than they are answered
    assert answered(server, picture)
