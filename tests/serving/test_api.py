"""The plain interface and what stands before it, over HTTP."""

import io
import struct
import tempfile
import time
import zipfile
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import numpy as np
import pytest
from PIL import Image

from diptych.images.limits import VARIABLE
from diptych.version import __version__

httpx = pytest.importorskip("httpx", reason="asks as programs do, with httpx")

TOKEN = "a-token-of-24-characters"  # noqa: S105


def huge_png() -> bytes:
    """A small file that declares 60,000x60,000 pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    rows = zlib.compress(b"\0" * 60_001 * 100)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    )


def still_answers(server, picture) -> bool:
    return server.post("/translate/emoji", picture.read_bytes()).status_code == 200


def test_a_picture_in_and_a_picture_out(server, picture):
    answer = server.post("/translate/emoji", picture.read_bytes())
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/png"
    with Image.open(io.BytesIO(answer.content)) as result, Image.open(picture) as source:
        expected = server.models["emoji"].translator(source)
        assert np.array_equal(np.asarray(result), np.asarray(expected))
    answer = server.post("/translate/plain?format=webp&fit", picture.read_bytes())
    with Image.open(io.BytesIO(answer.content)) as result:
        assert (result.format, result.size) == ("WEBP", (48, 40))


def test_a_look_is_asked_for_once_and_told(server, picture):
    red = io.BytesIO()
    Image.new("RGB", (9, 9), (200, 30, 30)).save(red, "PNG")
    asked = server.post("/look/shoes", red.getvalue())
    assert asked.status_code == 200
    look = asked.json()["look"]
    told = ",".join(map(str, look))
    answer = server.post(f"/translate/shoes?look={told}", picture.read_bytes())
    shoes = server.models["shoes"].translator
    with Image.open(io.BytesIO(answer.content)) as result, Image.open(picture) as source:
        expected = shoes.told(like=Image.new("RGB", (9, 9), (200, 30, 30)))(source)
        assert np.array_equal(np.asarray(result), np.asarray(expected))
        assert not np.array_equal(np.asarray(result), np.asarray(shoes(source)))


@pytest.mark.parametrize(
    ("path", "content", "status", "words"),
    [
        ("/translate/emoji", b"hello", 400, "picture: not a picture that can be read"),
        ("/translate/emoji", b"", 400, "nothing was sent"),
        ("/translate/emoji?colors=a03020", None, 400, "this model takes no look"),
        ("/look/emoji", None, 400, "this model takes no look"),
        ("/look/shoes", b"hello", 400, "picture: not a picture that can be read"),
        ("/translate/shoes?look=1,2", None, 400, "a look of this model is 6 numbers"),
        ("/translate/shoes?look=a", None, 400, "look='a': numbers, with commas between them"),
        ("/translate/shoes?look=1&colors=red", None, 400, "a look is said once"),
        ("/translate/emoji", huge_png(), 400, "more than the limit of 1,000,000 pixels"),
        ("/translate/nobody", b"x", 404, "there are: emoji, plain, shoes"),
        ("/translate/emoji?format=exe", None, 400, "format 'exe': one of png"),
        ("/translate/emoji", bytes(1_000_001), 413, "more than 1 MB, the maximum allowed size"),
        ("/samples/emoji?count=99", None, 400, "count=99, seed=0: 1 to 16, seed 0 or more"),
        ("/samples/plain", None, 400, "this model has no noise to vary, and takes no look"),
        ("/batch/emoji", bytes(1_000_001), 413, "more than 1 MB, the maximum allowed size"),
        ("/batch/emoji", None, 400, "many pictures are sent as a form: curl -F"),
        ("/nothing", b"", 404, "Not Found"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(
    server, picture, monkeypatch, path, content, status, words
):
    monkeypatch.setenv(VARIABLE, "1000000")
    answer = server.post(path, picture.read_bytes() if content is None else content)
    assert answer.status_code == status
    error = answer.json()["error"]
    assert words in error
    assert "\n" not in error
    assert str(server.folder) not in error
    assert still_answers(server, picture)


def test_an_endless_upload_is_refused_while_it_arrives_and_not_kept(server, picture):
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        for _ in range(160_000):  # 10 GB
            sent += 1 << 16
            yield bytes(1 << 16)

    form = {"content-type": "multipart/form-data; boundary=x"}
    for path, headers in (("/translate/emoji", {}), ("/batch/emoji", form)):
        head = [b'--x\r\nContent-Disposition: form-data; name="files"; filename="a"\r\n\r\n']
        content = (part for parts in (head, endless()) for part in parts)
        sent = 0
        try:
            answer = server.post(path, content, headers=headers)
            assert answer.status_code == 413
        except httpx.TransportError:
            pass  # it hung up, which a client that goes on sending may notice first
        assert sent < 100_000_000
    assert still_answers(server, picture)


def test_a_full_line_and_a_late_request_are_told(serving, picture, monkeypatch):
    server = serving(waiting=1, seconds=2, metrics=True)
    translator = server.models["emoji"].translator
    quick = translator.apply
    monkeypatch.setattr(translator, "apply", lambda source: (time.sleep(1.4), quick(source))[1])
    content = picture.read_bytes()
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: server.post("/translate/emoji", content), range(4)))
    status = sorted(answer.status_code for answer in answers)
    # One is done, one is late in the line, and for the others there is no place in it.
    assert status == [200, 503, 503, 504]
    for answer in answers:
        if answer.status_code == 503:
            assert "waiting already" in answer.json()["error"]
            assert answer.headers["retry-after"] == "5"
        if answer.status_code == 504:
            assert "not done within 2 seconds" in answer.json()["error"]
    monkeypatch.undo()
    assert still_answers(server, picture)
    counts = server.get("/metrics").text
    assert 'diptych_requests_total{model="emoji",outcome="busy"} 2.0' in counts
    assert 'diptych_requests_total{model="emoji",outcome="late"} 1.0' in counts
    assert 'diptych_requests_total{model="emoji",outcome="done"} 2.0' in counts
    assert 'diptych_request_seconds_count{model="emoji"} 2.0' in counts
    assert "diptych_line 0.0" in counts


def test_what_nobody_foresaw_is_no_traceback(server, picture, monkeypatch, caplog):
    def fail(_):
        raise RuntimeError("secret of the house")

    monkeypatch.setattr(server.models["emoji"].translator, "apply", fail)
    answer = server.post("/translate/emoji", picture.read_bytes())
    assert answer.status_code == 500
    assert answer.json() == {"error": "the server failed at it (RuntimeError)"}
    assert "secret of the house" in caplog.text  # for whoever runs it
    monkeypatch.undo()
    assert still_answers(server, picture)


def test_a_model_file_that_goes_while_serving_is_not_missed(server, picture, model_files):
    aside = model_files[0].rename(model_files[0].with_suffix(".gone"))
    try:
        assert still_answers(server, picture)
    finally:
        aside.rename(model_files[0])


def test_health_says_what_runs(server):
    told = server.get("/health").json()
    assert told["status"] == "ok"
    assert told["uptime_seconds"] > 0
    assert told["diptych"] == __version__
    assert told["models"]["plain"]["title"] == "labels → colour"


def test_without_a_token_only_this_machine_is_answered(server, picture):
    assert server.get("/health", headers={"host": "evil.example"}).status_code == 403
    answer = server.post(
        "/translate/emoji", picture.read_bytes(), headers={"origin": "http://evil.example"}
    )
    assert answer.status_code == 403


def test_a_token_is_needed_where_there_is_one(serving, picture):
    server = serving(token=TOKEN)
    content = picture.read_bytes()
    for headers in ({}, {"authorization": "Bearer wrong"}, {"cookie": f"diptych={TOKEN}"}):
        answer = server.post("/translate/emoji", content, headers=headers)
        assert answer.status_code == 401
        assert "a token is needed" in answer.json()["error"]
    right = {"authorization": f"Bearer {TOKEN}"}
    assert server.post("/translate/emoji", content, headers=right).status_code == 200
    for others in ("a/b=1", "a@b=1; {x}=1", "=; ;;", "x" * 3000):  # of another program on this host
        both = right | {"cookie": others}
        assert server.post("/translate/emoji", content, headers=both).status_code == 200
        assert server.get("/metrics", headers={"cookie": others}).status_code == 401
    assert server.get("/health").json() == {"status": "ok"}
    assert server.get("/metrics").status_code == 401

    page = server.get("/", headers={"accept": "text/html"})
    assert page.status_code == 401
    assert "needs a token" in page.text
    with httpx.Client(base_url=server.url) as browser:
        assert browser.post("/login", data={"token": "wrong"}).status_code == 401
        assert browser.post("/login", data={"token": TOKEN}).status_code == 303
        assert TOKEN not in str(browser.cookies)
        assert browser.get("/health").json()["models"]


def test_what_is_sent_otherwise_is_told_how(server, picture):
    content = picture.read_bytes()
    how = "the body of a POST is the picture itself: curl --data-binary @photo.png ADDRESS"
    for answer in (
        httpx.post(f"{server.url}/translate/emoji", files={"picture": content}),
        httpx.post(f"{server.url}/translate/emoji", json={"picture": "photo.png"}),
        server.get("/translate/emoji"),
    ):
        assert answer.status_code in {405, 415}
        assert how in answer.json()["error"]
    for path in ("/samples/emoji", "/shown/emoji", "/look/shoes"):
        assert server.get(path).json()["error"] == f"GET asks for nothing here: {how}"
    asked = server.get("/batch/emoji")
    assert "GET asks for nothing here: many pictures are sent as a form: curl -F" in asked.text
    form = {"content-type": "application/x-www-form-urlencoded"}  # as curl calls any body
    assert server.post("/translate/emoji", content, headers=form).status_code == 200


def test_samples_differ_and_are_the_same_again(server, picture):
    answers = [server.post("/samples/emoji?count=3&seed=7", picture.read_bytes()) for _ in range(2)]
    bundles = [zipfile.ZipFile(io.BytesIO(answer.content)) for answer in answers]
    names = ["sample_1.png", "sample_2.png", "sample_3.png", "spread.png"]
    assert bundles[0].namelist() == names
    pictures = [[bundle.read(name) for name in names] for bundle in bundles]
    assert pictures[0] == pictures[1]
    assert len(set(pictures[0])) == 4


def test_a_batch_is_a_zip_that_tells_what_failed(server, picture):
    files = [
        ("p", ("drawing.png", picture.read_bytes())),
        ("p", ("../notes.txt", b"no picture")),
        ("p", ("C:\\photos\\12:30?.png", picture.read_bytes())),
        ("p", (":" * 300, picture.read_bytes())),
    ]
    answer = httpx.post(f"{server.url}/batch/emoji", files=files, timeout=30)
    with zipfile.ZipFile(io.BytesIO(answer.content)) as bundle:
        drawing, other, long, told = bundle.namelist()
        assert (drawing, told) == ("001_drawing_translated.png", "not-translated.txt")
        assert other == "003_12%3A30%3F_translated.png"
        assert len(long) < 255
        assert set(long) <= set("004_%3A_translated.png")
        told = bundle.read("not-translated.txt").decode()
    assert told == "notes.txt: not a picture that can be read\n"


def test_what_can_be_asked_is_described(server):
    paths = server.get("/openapi.json").json()["paths"]
    assert {"/translate/{name}", "/look/{name}", "/samples/{name}", "/batch/{name}"} <= set(paths)
    page = server.get("/docs")
    assert "POST /translate/{name}" in page.text
    assert "<script" not in page.text


def test_nothing_of_a_request_is_left(server, picture, tmp_path, monkeypatch):
    aside = tmp_path / "aside"
    aside.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(aside))
    for content in (picture.read_bytes(), b"no picture"):
        server.post("/translate/emoji", content)
    assert not list(aside.iterdir())


@pytest.mark.parametrize("charset", ["undefined", "punycode", "no such"])
def test_a_form_in_letters_that_are_none_is_a_line(server, picture, charset):
    body = b'--x\r\nContent-Disposition: form-data; name=p; filename="\xff\xc3.png"\r\n\r\n'
    body += picture.read_bytes() + b"\r\n--x--\r\n"
    kind = f"multipart/form-data; boundary=x; charset={charset}"
    answer = server.post("/batch/emoji", body, headers={"content-type": kind})
    assert answer.status_code in {200, 400}
    if answer.status_code == 400:
        assert "the form" in answer.json()["error"]


def test_a_name_of_letters_of_four_bytes_is_cut_to_what_a_file_system_takes(server, picture):
    for count in (62, 80):
        name = quote("\U0001f600" * count + ".png")
        answer = server.post(f"/shown/emoji?called={name}", picture.read_bytes())
        assert answer.status_code == 200, answer.text
