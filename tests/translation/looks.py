"""A small model that takes a look, with what it knows of looks made up."""

import numpy as np
import torch

from diptych import model_file
from diptych.images.domain import plain
from diptych.model_file import Dataset, Header, KnownLooks, Network
from diptych.networks import build_generator
from diptych.translation.network_translator import NetworkTranslator

COLOURS = np.random.default_rng(0).integers(0, 256, (40, 3), np.uint8)


def known_looks(colours: np.ndarray = COLOURS) -> KnownLooks:
    """Of plain pictures in such colours."""
    means = colours / 127.5 - 1
    examples = np.concatenate([means, np.full_like(means, 0.1)], axis=1)
    return KnownLooks(
        examples=examples.tolist(),
        left=(examples - examples.mean(0)).tolist(),
        colours=[[f"#{colour.tobytes().hex()}"] for colour in colours],
        foretold=[0.0] * 6,
    )


def translator_with_looks() -> NetworkTranslator:
    """Whose results follow a look well enough to tell two apart."""
    options = {"base_channels": 4, "blocks": 1, "look_numbers": 6}
    torch.manual_seed(0)
    generator = build_generator("resunet", **options)
    for change in generator.look.changes:
        torch.nn.init.normal_(change.weight, std=0.5)
    torch.nn.init.normal_(generator.look.foretelling)
    header = Header(
        generator=Network(name="resunet", options=options),
        size_multiple=32,
        crop_size=(64, 64),
        source=plain("drawing"),
        target=plain("photo"),
        test=model_file.TestTime(),
        look=known_looks(),
        dataset=Dataset(fingerprint="0" * 16, pairs={"train": 40}),
        recipe={},
    )
    return NetworkTranslator(header, generator)
