"""A model that translates pictures of any size."""

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from diptych.errors import DiptychError
from diptych.images.arrays import read_array, read_several, resized
from diptych.images.encoding import decode, encode
from diptych.images.files import save_image, to_rgb, to_rgba
from diptych.images.geo import geo_tags
from diptych.images.padding import pad_to_multiple
from diptych.images.values import write_values
from diptych.images.windows import ArrayPicture
from diptych.images.windows import Picture as PictureByWindows
from diptych.model_file import Header, model_path, read_model
from diptych.networks import at_test_time, build_generator, has_noise
from diptych.translation import bounded
from diptych.translation.memory import may_be_taken, parse_bytes, tensors_at_most
from diptych.translation.workspace import Block

Picture = str | Path | Image.Image | np.ndarray


class Translator:
    """Calling it translates one picture; nothing about the network has to be said again.

    `generator` is the network (a plain `nn.Module`), `header` what the model file says of it. A
    picture that does not fit into memory whole is translated in parts, to the same result; `memory`
    limits what the program takes then, in bytes. `notice` is told when that happens.
    """

    def __init__(
        self,
        header: Header,
        generator: torch.nn.Module,
        device: torch.device | str = "cpu",
        dropout: bool | None = None,
        memory: int | None = None,
    ) -> None:
        self.header, self.memory = header, memory
        self.notice: Callable[[str], None] = lambda _: None
        self.device = torch.device(device)
        noisy = header.test.dropout if dropout is None else dropout
        if dropout and not has_noise(generator):
            raise DiptychError("--dropout, --samples: this model has no noise to vary")
        generator.requires_grad_(False).to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.generator = at_test_time(generator, noisy)

    def seed(self, seed: int) -> None:
        """Fix the noise, where it is on, for the pictures that follow."""
        torch.manual_seed(seed)

    def read(self, *paths: Path) -> np.ndarray:
        """The picture in a file, as an array of the source's domain.

        A model of several sources takes a file for each, in its order. Raises DiptychError where a
        file is bad or holds another kind of numbers.
        """
        source = self.header.source
        expected = max(1, len(source.parts))
        if len(paths) != expected:
            raise DiptychError(
                f"this model takes {expected} sources, {source.name}: --source NAME=FOLDER for each"
            )
        return read_several(paths, source) if source.parts else read_array(paths[0], source)

    def write(self, path: Path, result: np.ndarray, source: Path | None = None) -> None:
        """Write a result whole, in the format of the ending of `path`.

        A TIFF is given the georeference of the `source` file, where that has one. Raises
        DiptychError where the format has no room for such values.
        """
        target = self.header.target
        tags = geo_tags(source, self.header.scale) if source is not None else []
        if target.is_picture and not tags:
            save_image(Image.fromarray(result), path)
        else:
            write_values(path, result, target.palette, target.nodata, tags)

    def __call__(self, picture: Picture) -> Image.Image | np.ndarray:
        """Translate a file, a PIL image or an array `(H, W, C)` of the source's domain.

        The result is a PIL image where the target is a picture in colours, else an array
        `(H, W, C)` of its values, or of class indices. It has the source's size, times the model's
        `scale`; where source and target differ in shape, the targets' size.
        """
        if isinstance(picture, Image.Image):
            if not self.header.source.is_picture:
                raise DiptychError("this model takes values, not pictures: give a file or an array")
            masked = self.header.source.kind == "rgba"
            picture = np.asarray(to_rgba(picture) if masked else to_rgb(picture))
        result = self.apply(
            picture if isinstance(picture, np.ndarray) else self.read(Path(picture))
        )
        return Image.fromarray(result) if self.header.target.is_picture else result

    def apply(self, source: np.ndarray) -> np.ndarray:
        """Translate one array `(H, W, C)` of the source's domain; gives one of the target's."""
        if self.header.target_size is None:
            whole: np.ndarray = self.translate(source[None])[0]
            return whole
        # As in training: both sides squeezed to one size.
        squeezed = resized(source, self.header.crop_size, self.header.source)
        width, height = self.header.target_size
        return resized(self.translate(squeezed[None])[0], (height, width), self.header.target)

    @torch.inference_mode()
    def translate(self, pictures: np.ndarray) -> np.ndarray:
        """Translate arrays `(N, H, W, C)` of the source's domain, all of one size.

        For pictures in colours they are uint8 with three channels, four where the model fills
        holes. Results are `(N, scale H, scale W, C)`, as files of the target's domain hold them.
        Sources are padded to the multiple that the generator needs and results cut back; the
        padding stays out of the statistics of normalisation. Where a source holds no data, the
        result holds none. Raises DiptychError where the array is another, or where it fits into
        memory neither whole nor in parts.
        """
        self._check(pictures)
        if self.fits(*pictures.shape[:3]):
            return self._whole(pictures)
        if len(pictures) > 1:
            return np.concatenate([self.translate(picture[None]) for picture in pictures])
        return self.from_windows(ArrayPicture(pictures[0]))[None]

    def fits(self, count: int, height: int, width: int) -> bool:
        """Whether so many pictures of a size can be translated whole and together."""
        return self._cost(count, height, width) <= may_be_taken(self.memory, self.device)

    def from_windows(self, picture: PictureByWindows) -> np.ndarray:
        """As `by_windows`, with the result as an array.

        Raises DiptychError where that is too large for memory.
        """
        height, width = (self.header.scale * side for side in picture.shape[:2])
        target = self.header.target
        pixel = target.array_channels * target.array_dtype.itemsize
        if 2 * pixel * height * width > may_be_taken(self.memory, self.device):
            raise DiptychError(
                f"a result of {width}x{height} is too large for memory: write it by windows, "
                "with --format tif"
            )
        return self.by_windows(picture).read(((0, height), (0, width)))

    @torch.inference_mode()
    def by_windows(self, picture: PictureByWindows) -> Block:
        """Translate a picture within bounded memory, whatever its size, as `translate` does."""
        height, width, _ = picture.shape
        room = may_be_taken(self.memory, self.device)
        whole = self._cost(1, height, width)
        workspace, words = bounded.plan(
            self.generator, self.header, picture, room, whole, self.device
        )
        self.notice(words)
        return bounded.translate(self.generator, self.header, picture, workspace)

    def _cost(self, count: int, height: int, width: int) -> int:
        """Bytes that it takes to translate pictures whole."""
        multiple = self.header.size_multiple
        padded = [side + -side % multiple for side in (height, width)]
        pixels = count * padded[0] * padded[1]
        if pixels <= self._sample**2:
            return 0  # no more than it takes to find out
        return int(pixels * self._bytes_per_pixel) + bounded.BESIDE

    @property
    def _sample(self) -> int:
        """The side of a picture that is large enough to tell what each pixel costs."""
        return -(-64 // self.header.size_multiple) * self.header.size_multiple

    @cached_property
    def _bytes_per_pixel(self) -> float:
        side = self._sample
        source = self.header.source
        sample = np.zeros((1, side, side, source.array_channels), source.array_dtype)
        return tensors_at_most(lambda: self._whole(sample)) / side**2

    def _whole(self, pictures: np.ndarray) -> np.ndarray:
        height, width = pictures.shape[1:3]
        scale = self.header.scale
        sources = torch.from_numpy(np.array(pictures)).to(self.device)
        batch = encode(sources, self.header.source)
        padded = pad_to_multiple(batch, self.header.size_multiple)
        outputs = self.generator(padded, (height, width))
        outputs = outputs[..., : scale * height, : scale * width]
        return decode(outputs, self.header.target, sources, self.header.source)

    def _check(self, pictures: np.ndarray) -> None:
        source = self.header.source
        if (
            pictures.dtype != source.array_dtype
            or pictures.ndim != 4
            or pictures.shape[3] != source.array_channels
        ):
            raise DiptychError(
                f"translates {source.array_dtype} arrays (N, H, W, {source.array_channels}); "
                f"these are {pictures.dtype} {pictures.shape}"
            )


def load(
    model: str | Path,
    *,
    device: str = "auto",
    threads: int = 0,
    dropout: bool | None = None,
    memory: int | str | None = None,
) -> Translator:
    """The translator of a run directory or a model file.

    `device`: auto (CUDA, else Apple's MPS, else the CPU), cpu, cuda or mps. `threads`: of the CPU,
    0 for torch's choice. `dropout`: noise when translating; None takes what the model was stored
    with. `memory`: what the program may take in all, in bytes or as "2GB"; None takes what is free.
    Raises DiptychError where the file is no whole model of this program.
    """
    limit = parse_bytes(memory) if isinstance(memory, str) else memory
    if threads:
        torch.set_num_threads(threads)
    path = model_path(Path(model))
    header, weights = read_model(path)
    try:
        generator = build_generator(header.generator.name, **header.generator.options)
    except (DiptychError, RuntimeError, MemoryError) as error:  # torch's word for no memory
        raise DiptychError(f"{path}: {str(error).splitlines()[0]}") from None
    _fill(generator, weights, path)
    return Translator(header, generator, _device(device), dropout, limit)


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
