"""What each experiment compares, and what the paper found."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from diptych.errors import DiptychError


@dataclass(frozen=True)
class Experiment:
    """Arms that differ in the keys of the recipe they replace, and in nothing else."""

    title: str
    recipe: str  # unless another is asked for
    arms: Mapping[str, Mapping[str, Any]]
    # The paper's FCN scores: per-pixel accuracy, per-class accuracy, class IoU of each arm.
    published: Mapping[str, tuple[float, float, float]] = field(default_factory=dict)
    enlarged: bool = False  # each arm is also applied to pictures of twice its crop


L1 = {"loss.adversarial": "none"}
L1_CGAN: dict[str, Any] = {}
PUBLISHED_ON = "Cityscapes labels -> photo, 200 epochs, judged by FCN-8s"

EXPERIMENTS: dict[str, Experiment] = {
    "losses": Experiment(
        "The objective: L1, GAN and cGAN, alone and together (section 4.2, table 1)",
        "pix2pix/facades",
        {
            "L1": L1,
            "GAN": {"loss.adversarial": "gan", "loss.l1": 0},
            "cGAN": {"loss.adversarial": "cgan", "loss.l1": 0},
            "L1+GAN": {"loss.adversarial": "gan"},
            "L1+cGAN": L1_CGAN,
        },
        {
            "L1": (0.42, 0.15, 0.11),
            "GAN": (0.22, 0.05, 0.01),
            "cGAN": (0.57, 0.22, 0.16),
            "L1+GAN": (0.64, 0.20, 0.15),
            "L1+cGAN": (0.66, 0.23, 0.17),
            "real photos": (0.80, 0.26, 0.21),
        },
    ),
    "generators": Experiment(
        "The generator: encoder-decoder and U-Net (section 4.3, table 2)",
        "pix2pix/facades",
        {
            "encoder-decoder, L1": {**L1, "generator.skips": False},
            "encoder-decoder, L1+cGAN": {"generator.skips": False},
            "U-Net, L1": L1,
            "U-Net, L1+cGAN": L1_CGAN,
        },
        {
            "encoder-decoder, L1": (0.35, 0.12, 0.08),
            "encoder-decoder, L1+cGAN": (0.29, 0.09, 0.05),
            "U-Net, L1": (0.48, 0.18, 0.13),
            "U-Net, L1+cGAN": (0.55, 0.20, 0.14),
        },
    ),
    "receptive-fields": Experiment(
        "The discriminator: from pixels to the whole picture (section 4.4, table 3)",
        "pix2pix/facades",
        {f"{side}x{side}": {"discriminator.receptive_field": side} for side in (1, 16, 70, 286)},
        {
            "1x1": (0.39, 0.15, 0.10),
            "16x16": (0.65, 0.21, 0.17),
            "70x70": (0.66, 0.23, 0.17),
            "286x286": (0.42, 0.16, 0.11),
        },
    ),
    "maps512": Experiment(
        "Larger pictures than it was trained on (section 4.4, figure 8)",
        "pix2pix/maps",
        {
            "satellite -> map": {"data.direction": "satellite -> map"},
            "map -> satellite": {"data.direction": "map -> satellite"},
        },
        enlarged=True,
    ),
    "colorize-histograms": Experiment(
        "Colours: how far their distribution is that of the real ones (section 4.2, figure 7)",
        "pix2pix/colorize",
        {
            "L1": L1,
            "cGAN": {"loss.adversarial": "cgan", "loss.l1": 0},
            "L1+cGAN": L1_CGAN,
        },
    ),
}


def find_experiment(name: str) -> Experiment:
    """An experiment by name; raises DiptychError where there is none, naming those there are."""
    if name not in EXPERIMENTS:
        raise DiptychError(f"experiment {name!r} is not known: one of {', '.join(EXPERIMENTS)}")
    return EXPERIMENTS[name]
