"""FID and KID of what was translated, beside what real pictures have to real ones."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from diptych.data.fitting import Fit, Size, array_size
from diptych.data.pairs import evenly_spread
from diptych.data.prepare import prepared
from diptych.errors import DiptychError
from diptych.evaluation.results import Result, Results
from diptych.evaluation.set_distances import fid, kid
from diptych.images.display import displayed
from diptych.losses.feature_distance import normalized
from diptych.networks.efficientnet_lite0 import EfficientNetLite0
from diptych.networks.inception import SIDE, Inception
from diptych.weights import GET_FID_HINT, find_features, find_inception

# By Inception, as the field defines them; and by the frozen network that is always there.
BY_INCEPTION, BY_LITE0 = ("fid", "kid"), ("fid-lite0", "kid-lite0")
LITE0_SIDE = 224  # pixels of the pictures that it was trained on
AT_ONCE = 16  # pictures in a pass of a network
LEAST = 10  # pictures; fewer say nothing about a set
FEW = 10_000  # below which the bias of FID matters

Features = Callable[[Tensor], Tensor]  # of levels (N, 3, H, W) in [0, 255]: (N, D)


@dataclass(frozen=True)
class SetScore:
    """A distance of two sets of `count` pictures each, lower is better.

    `low` and `high`: its 95 % interval, where it has one. `floor`: the same between real training
    pictures and real pictures of what was scored, `floor_count` of each; None where there are none.
    """

    value: float
    count: int
    low: float | None = None
    high: float | None = None
    floor: float | None = None
    floor_count: int = 0


class SetScorer:
    """Takes in `results`, batch by batch, and scores them as sets by `metrics`.

    Where the weights of Inception are missing, the same distances by the network that is always
    there take their place, under its name, and `notes` say so. Raises DiptychError for other names.
    """

    def __init__(
        self, metrics: Sequence[str], results: Results, device: torch.device | str = "cpu"
    ) -> None:
        known = (*BY_INCEPTION, *BY_LITE0)
        for name in metrics:
            if name not in known:
                raise DiptychError(f"--metrics {name!r}: one or more of {', '.join(known)}")
        self.notes: list[str] = []
        self._results, self._device = results, torch.device(device)
        state = find_inception() if set(metrics) & set(BY_INCEPTION) else None
        if state is None and set(metrics) & set(BY_INCEPTION):
            metrics = [name if name in BY_LITE0 else f"{name}-lite0" for name in metrics]
            self.notes.append(GET_FID_HINT)
        self._metrics = list(dict.fromkeys(metrics))
        self._sizes: set[Size] = set()
        self._networks: dict[str, Features] = {}
        if state is not None:
            self._networks["inception"] = _by_inception(state, self._device)
        if set(self._metrics) & set(BY_LITE0):
            self._networks["lite0"] = _by_lite0(self._device)
        self._seen: dict[str, list[tuple[Tensor, Tensor]]] = {name: [] for name in self._networks}

    def add(self, batch: Sequence[Result]) -> None:
        """Look at a batch of results whose targets have one size."""
        self._sizes.add(array_size(batch[0].target))
        ours, theirs = (
            self._shown([getattr(one, side) for one in batch]) for side in ("translated", "target")
        )
        for name, network in self._networks.items():
            self._seen[name].append((network(ours), network(theirs)))

    def scores(self) -> dict[str, SetScore]:
        """Each of the metrics; none of fewer than `LEAST` pictures, which `notes` say."""
        count = sum(len(ours) for ours, _ in next(iter(self._seen.values())))
        if count < LEAST:
            names = ", ".join(self._metrics)
            self.notes.append(
                f"{names}: left out: {count} pictures tell nothing of a set; {LEAST} are the least"
            )
            return {}
        if any(name.startswith("fid") for name in self._metrics) and count < FEW:
            self.notes.append(
                f"an FID of {count:,} pictures is too high, the more so the fewer they are: it "
                "compares with that of as many, and with the floor beside it; KID has no such bias"
            )
        floors = self._floors(count)
        return {name: self._score(name, floors) for name in self._metrics}

    def _score(self, name: str, floors: dict[str, Tensor]) -> SetScore:
        network = "lite0" if name in BY_LITE0 else "inception"
        ours, theirs = map(torch.cat, zip(*self._seen[network], strict=True))
        real = floors.get(network)
        some = None if real is None else theirs[evenly_spread(range(len(theirs)), len(real))]
        floor_count = 0 if real is None else len(real)
        if name.startswith("fid"):
            floor = None if real is None or some is None else fid(real, some)
            return SetScore(fid(ours, theirs), len(ours), None, None, floor, floor_count)
        found = kid(ours, theirs)
        floor = None if real is None or some is None else kid(real, some).mean
        return SetScore(found.mean, found.count, found.low, found.high, floor, floor_count)

    def _floors(self, count: int) -> dict[str, Tensor]:
        """Features of at most so many training pictures that were not scored; none of too few."""
        results = self._results
        chosen = evenly_spread(results.beside, count)
        if len(chosen) < LEAST:
            return {}
        fit, same = results.fit, results.recipe.data.shapes == "same"
        if fit is None and len(self._sizes) == 1:  # that of a folder's pictures
            fit = Fit("resize", next(iter(self._sizes)))
        seen: dict[str, list[Tensor]] = {name: [] for name in self._networks}
        for pair in chosen:
            _, target = prepared(pair, results.domains, fit, same_shape=same)
            for name, network in self._networks.items():
                seen[name].append(network(self._shown([target])))
        return {name: torch.cat(own) for name, own in seen.items()}

    def _shown(self, arrays: Sequence[np.ndarray]) -> Tensor:
        pictures = displayed(np.stack(arrays), self._results.domains[1])[..., :3]
        return torch.from_numpy(pictures.copy()).movedim(-1, 1).float().to(self._device)


def _by_inception(state: dict[str, Tensor], device: torch.device) -> Features:
    return _features_of(Inception(state).to(device), SIDE)


def _by_lite0(device: torch.device) -> Features:
    """The mean of its last map, each place of it normalised as the feature distance does."""
    network = EfficientNetLite0(find_features()).to(device)
    return _features_of(
        lambda levels: normalized(network(levels / 127.5 - 1)[-1]).mean((2, 3)), LITE0_SIDE
    )


def _features_of(network: Features, side: int) -> Features:
    """Of pictures brought to its size bicubically, with antialiasing, as clean-fid does.

    Parmar et al., "On Aliased Resizing and Surprising Subtleties in GAN Evaluation", CVPR 2022.
    """

    @torch.inference_mode()
    def features(levels: Tensor) -> Tensor:
        seen = []
        for few in torch.split(levels, AT_ONCE):
            brought = F.interpolate(few, (side, side), mode="bicubic", antialias=True)
            seen.append(network(brought.clamp(0, 255)).cpu())
        return torch.cat(seen)

    return features
