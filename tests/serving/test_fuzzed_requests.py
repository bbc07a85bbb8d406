"""Requests that hypothesis makes up: every one is answered, what is wrong with it in one line."""

import asyncio
import contextlib
import json
import socket
from urllib.parse import quote

import pytest
from hypothesis import strategies as st
from tests.fuzz import MANY, WORDS, check_line, damaged, fuzzed, give

pytest.importorskip("fastapi", reason="needs pip install 'diptych[serve]'")

TOKEN = "a-token-of-24-characters"  # noqa: S105
ROUTES = ["translate", "shown", "look", "samples", "batch", "models", "static", "examples", "docs",
          "health", "metrics", "openapi.json", "login", ""]  # fmt: skip
NUMBERS = st.integers(-(2**80), 2**80) | st.floats() | st.integers(0, 20)
QUERY = st.lists(
    st.tuples(
        st.sampled_from(["format", "fit", "colors", "look", "seed", "count", "called", "before"])
        | WORDS,
        NUMBERS.map(str)
        | WORDS
        | st.sampled_from(
            ["png", "tif", "npy", "exe", "1,2,3,4,5,6", "nan,1,1,1,1,1", "a03020,red"]
        )
        | st.just("../" * 9 + "etc/passwd"),
    ),
    max_size=4,
)
HEADERS = st.lists(
    st.tuples(
        st.sampled_from(
            [b"host", b"origin", b"content-length", b"content-type", b"cookie", b"authorization",
             b"accept", b"x-forwarded-proto", b"range", b"transfer-encoding"]
        ),
        st.sampled_from(
            [b"127.0.0.1", b"evil.example", b"http://evil.example", b"-1", b"9" * 30, b"\xb2",
             b"multipart/form-data", b"multipart/form-data; boundary=x", b"application/json",
             b"diptych=x", b"Bearer ", b"Bearer " + TOKEN.encode(), b"text/html", b"bytes=0-1"]
        )
        | st.binary(max_size=30),
    ),
    max_size=3,
)  # fmt: skip
PATHS = st.builds(
    lambda route, name, rest: "/".join(["", route, name, *rest]),
    st.sampled_from(ROUTES) | WORDS,
    st.sampled_from(["emoji", "shoes", "nobody", "..", ""]) | WORDS,
    st.lists(WORDS | st.sampled_from(["0", "small", "-1", "99999999999999999999"]), max_size=2),
)
FORM = (
    b'--x\r\nContent-Disposition: form-data; name="p"; filename="%s"\r\n'
    b"Content-Type: image/png\r\n\r\n%s\r\n--x--\r\n"
)


@pytest.fixture(scope="module")
def apps(model_files):
    """For this machine alone, and for whoever has the token."""
    from diptych.serving.models import load_models
    from diptych.serving.server import Settings, make_server

    models = load_models([str(path) for path in model_files], device="cpu", threads=1)
    settings = Settings(waiting=2, seconds=20, upload=100_000)
    yield (
        make_server(models, settings),
        make_server(models, Settings(waiting=2, seconds=20, upload=100_000, token=TOKEN)),
    )
    models["emoji"].decoder.close()


def ask(app, method: str, path: str, query: str, headers, body: bytes) -> tuple[int, bytes]:
    """The status and body of an answer."""
    sent, parts = [], [body[: len(body) // 2], body[len(body) // 2 :]]

    async def receive():
        if not parts:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": parts.pop(0), "more_body": bool(parts)}

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method,
        "scheme": "http", "path": path, "raw_path": quote(path).encode(), "root_path": "",
        "query_string": query.encode(), "headers": [(b"host", b"127.0.0.1"), *headers],
        "client": ("127.0.0.1", 5), "server": ("127.0.0.1", 80),
    }  # fmt: skip
    asyncio.run(app(scope, receive, send))
    assert sent[0]["type"] == "http.response.start"
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:])


def check(answer: tuple[int, bytes]) -> None:
    """It is a value, or what is wrong in a line, which is not the server's own fault."""
    status, body = answer
    assert status < 500 or status in {503, 504}, body
    if status >= 400 and body and not body.startswith(b"<!"):
        check_line(json.loads(body)["error"])


@fuzzed(
    guarded=st.booleans(),
    method=st.sampled_from(["GET", "POST", "POST", "HEAD", "PUT", "OPTIONS"]) | WORDS,
    path=PATHS,
    query=QUERY,
    headers=HEADERS,
    draw=st.data(),
)
def test_requests(guarded, method, path, query, headers, draw, apps, picture):
    body = draw.draw(
        st.binary(max_size=100)
        | st.just(picture.read_bytes())
        | damaged([picture.read_bytes(), FORM % (b"a.png", picture.read_bytes())])
    )
    text = "&".join(f"{quote(name)}={quote(value)}" for name, value in query)
    answer = give(lambda: ask(apps[guarded], method, path, text, headers, body))
    check(answer)


@fuzzed(
    route=st.sampled_from(["translate", "shown", "look", "samples"]), query=QUERY, draw=st.data()
)
def test_pictures(route, query, draw, apps, picture):
    text = "&".join(f"{quote(name)}={quote(value)}" for name, value in query)
    body = draw.draw(st.just(picture.read_bytes()) | damaged([picture.read_bytes()]))
    check(give(lambda: ask(apps[0], "POST", f"/{route}/shoes", text, [], body)))


# Of a form that is damaged the library leaves its file to be closed by itself.
@pytest.mark.filterwarnings("ignore:Unclosed file:ResourceWarning")
@fuzzed(draw=st.data())
def test_forms(draw, apps, picture):
    name = draw.draw(st.sampled_from([b"a.png", b"../../a", b"\xff", b"a" * 300, b""]))
    body = draw.draw(damaged([FORM % (name, picture.read_bytes())]))
    kind = [(b"content-type", b"multipart/form-data; boundary=x")]
    check(give(lambda: ask(apps[0], "POST", "/batch/emoji", "", kind, body)))


RAW = [
    b"POST /translate/emoji HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 4\r\n\r\nabcd",
    b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: keep-alive\r\n\r\n",
    b"POST /batch/emoji HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n--x",
]


@fuzzed(content=damaged(RAW))
def test_what_is_hardly_http(content, server, caplog):
    """Whatever comes, the next is answered."""
    host, port = server.url.removeprefix("http://").split(":")

    def send() -> bytes:
        place = socket.create_connection((host, int(port)), timeout=0.5)
        with place as one, contextlib.suppress(OSError):
            one.sendall(content)
            one.shutdown(socket.SHUT_WR)
            return one.recv(1000)
        return b""

    answered = give(send)
    assert b" 500 " not in answered.partition(b"\r\n")[0]
    assert "Traceback" not in caplog.text
    if MANY:
        assert server.get("/health").status_code == 200


@pytest.mark.parametrize(
    ("path", "query", "header", "words"),
    [
        ("/samples/shoes", "count=abc", (), "count='abc': Input should be a valid integer"),
        ("/samples/shoes", "seed=1e400", (), "seed='1e400': Input should be a valid integer"),
        ("/shown/emoji", f"seed={2**64}", (), f"seed {2**64}: 0 or more, and below 2^63"),
        ("/shown/emoji", "seed=-1", (), "seed -1: 0 or more, and below 2^63"),
        ("/translate/emoji", "", (b"content-length", b"\xb2"), "more than 100 kB, the maximum"),
    ],
)
def test_found_before(path, query, header, words, apps, picture):
    headers = [header] if header else []
    answer = ask(apps[0], "POST", path, query, headers, picture.read_bytes())
    check(answer)
    assert words in json.loads(answer[1])["error"]
