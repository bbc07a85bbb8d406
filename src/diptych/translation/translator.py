"""A model that translates pictures of any size."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from diptych.errors import DiptychError
from diptych.images.encoding import decode, encode
from diptych.images.files import read_image, resize, to_rgb, to_rgba
from diptych.images.padding import pad_to_multiple
from diptych.model_file import Header, model_path, read_model
from diptych.networks import at_test_time, build_generator, has_noise

Picture = str | Path | Image.Image | np.ndarray


class Translator:
    """Calling it translates one picture; nothing about the network has to be said again.

    `generator` is the network (a plain `nn.Module`), `header` what the model file says of it.
    """

    def __init__(
        self,
        header: Header,
        generator: torch.nn.Module,
        device: torch.device | str = "cpu",
        dropout: bool | None = None,
    ) -> None:
        self.header = header
        self.device = torch.device(device)
        noisy = header.test.dropout if dropout is None else dropout
        if dropout and not has_noise(generator):
            raise DiptychError("--dropout, --samples: this model has no noise to vary")
        generator.requires_grad_(False).to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.generator = at_test_time(generator, noisy)

    def seed(self, seed: int) -> None:
        """Fix the noise, where it is on, for the pictures that follow."""
        torch.manual_seed(seed)

    def read(self, path: Path) -> Image.Image:
        """The picture in a file, as the model takes it; raises DiptychError where it is bad."""
        return read_image(path, alpha=self._masked)

    def __call__(self, picture: Picture) -> Image.Image:
        """Translate a file, a PIL image or a `(H, W, 3)` uint8 array.

        The result has its size, times the model's `scale`; where source and target differ in shape,
        the targets' size.
        """
        if isinstance(picture, np.ndarray):
            self._check(picture[None])
            image = Image.fromarray(picture)
        elif isinstance(picture, Image.Image):
            image = to_rgba(picture) if self._masked else to_rgb(picture)
        else:
            image = self.read(Path(picture))
        if self.header.target_size is None:
            return Image.fromarray(self.translate(np.asarray(image)[None])[0])
        # As in training: both sides squeezed to one square.
        square = resize(image, (self.header.crop_size, self.header.crop_size))
        result = Image.fromarray(self.translate(np.asarray(square)[None])[0])
        return resize(result, self.header.target_size)

    @torch.inference_mode()
    def translate(self, pictures: np.ndarray) -> np.ndarray:
        """Translate `(N, H, W, 3)` uint8 pictures of one size, `(N, H, W, 4)` where the model fills
        holes, to `(N, scale H, scale W, 3)`.

        They are padded to the multiple that the generator needs and cut back; the padding stays out
        of the statistics of normalisation. Raises DiptychError where the array is another.
        """
        self._check(pictures)
        height, width = pictures.shape[1:3]
        scale = self.header.scale
        sources = torch.from_numpy(np.array(pictures)).to(self.device)
        batch = encode(sources, self.header.source.colour)
        padded = pad_to_multiple(batch, self.header.size_multiple)
        outputs = self.generator(padded, (height, width))
        outputs = outputs[..., : scale * height, : scale * width]
        return decode(outputs, self.header.target.colour, sources)

    def _check(self, pictures: np.ndarray) -> None:
        channels = 4 if self._masked else 3
        if pictures.dtype != np.uint8 or pictures.ndim != 4 or pictures.shape[3] != channels:
            raise DiptychError(
                f"translates 8-bit pictures (N, H, W, {channels}); "
                f"these are {pictures.dtype} {pictures.shape}"
            )

    @property
    def _masked(self) -> bool:
        return self.header.source.colour == "rgba"


def load(
    model: str | Path, *, device: str = "auto", threads: int = 0, dropout: bool | None = None
) -> Translator:
    """The translator of a run directory or a model file.

    `device`: auto (CUDA, else Apple's MPS, else the CPU), cpu, cuda or mps. `threads`: of the CPU,
    0 for torch's choice. `dropout`: noise when translating; None takes what the model was stored
    with. Raises DiptychError where the file is no whole model of this program.
    """
    if threads:
        torch.set_num_threads(threads)
    path = model_path(Path(model))
    header, weights = read_model(path)
    try:
        generator = build_generator(header.generator.name, **header.generator.options)
    except (DiptychError, RuntimeError, MemoryError) as error:  # torch's word for no memory
        raise DiptychError(f"{path}: {str(error).splitlines()[0]}") from None
    _fill(generator, weights, path)
    return Translator(header, generator, _device(device), dropout)


def _fill(generator: torch.nn.Module, weights: dict[str, Any], path: Path) -> None:
    expected = {name: tuple(tensor.shape) for name, tensor in generator.state_dict().items()}
    found = {name: tuple(tensor.shape) for name, tensor in weights.items()}
    for name in sorted(expected.keys() | found.keys()):
        if expected.get(name) != found.get(name):
            raise DiptychError(
                f"{path}: does not fit its own header: {name} is "
                f"{found.get(name, 'missing')}, expected {expected.get(name, 'nothing')}"
            )
    generator.load_state_dict(weights)


def _device(name: str) -> torch.device:
    available = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if name == "auto":
        return torch.device(next(kind for kind, there in available.items() if there))
    if not available.get(name):
        usable = ", ".join(["auto", *(kind for kind, there in available.items() if there)])
        raise DiptychError(f"--device {name!r}: not to be had on this machine; usable: {usable}")
    return torch.device(name)
