"""A model file in torch: whole pictures, or those larger than memory in parts."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from diptych.errors import DiptychError
from diptych.fast.processor import (
    give_freed_memory_back,
    keep_freed_memory,
    usable_devices,
)
from diptych.fast.quick_twin import quick_twin, twin_in_parts
from diptych.images.encoding import decode, encode
from diptych.images.padding import pad_to_multiple
from diptych.images.windows import ArrayPicture
from diptych.images.windows import Picture as PictureByWindows
from diptych.model_file import NORMALIZATIONS, Header
from diptych.model_networks import generator_of
from diptych.networks import at_test_time, has_noise, normalize_by_stored
from diptych.networks.compact import merge_branches
from diptych.networks.padded import normalize_by_picture, translate_padded
from diptych.networks.told_look import foretold_look
from diptych.networks.video_statistics import held_statistics
from diptych.translation.bounded import bounded_translation
from diptych.translation.bounded.memory import may_be_taken, parse_bytes, tensors_at_most
from diptych.translation.bounded.workspace import Block
from diptych.translation.precision import check_precision, difference, may_be_bf16
from diptych.translation.translator import NO_NOISE, TOGETHER, Progress, Translator

SAMPLE = 64  # pixels: the side of a picture that is large enough to tell what each pixel costs


class NetworkTranslator(Translator):
    """A translator whose `generator` is a plain `nn.Module`; whole pictures go through its `twin`.

    A picture that does not fit into memory whole is translated in parts, to the same result;
    `memory` limits what the program takes then, in bytes. `precision` is that of whole pictures.
    """

    def __init__(
        self,
        header: Header,
        generator: torch.nn.Module,
        device: torch.device | str = "cpu",
        dropout: bool | None = None,
        memory: int | None = None,
        normalization: str | None = None,
        precision: str = "fp32",
    ) -> None:
        super().__init__(header)
        check_precision(precision, header.target)
        self.memory = memory
        self.device = torch.device(device)
        self.noisy = header.test.dropout if dropout is None else dropout
        if dropout and not has_noise(generator):
            raise DiptychError(f"--dropout, --samples: {NO_NOISE}")
        by = normalization or header.test.normalization
        if by not in NORMALIZATIONS:
            raise DiptychError(f"--normalization {by!r}: one of {', '.join(NORMALIZATIONS)}")
        if by == "stored" and not normalize_by_stored(generator):
            raise DiptychError("--normalization stored: this model holds no statistics; take image")
        generator.requires_grad_(False).to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        normalize_by_picture(generator)
        self.generator = at_test_time(generator, self.noisy)
        # Noise is drawn by the generator itself, in fp32.
        if self.noisy and precision == "bf16":
            raise DiptychError("--precision bf16: not with noise: --no-dropout")
        dtype = torch.bfloat16 if precision == "bf16" else torch.float32
        self.twin = self.generator if self.noisy else quick_twin(self.generator, dtype)
        self.precision = precision

    @property
    def threads(self) -> int:
        """As torch was told, or chose."""
        return torch.get_num_threads()

    @torch.inference_mode()
    def run(self, pictures: np.ndarray) -> np.ndarray:
        """Whole where they fit into memory, else one by one and in parts."""
        if self.fits(*pictures.shape[:3]):
            self._settle_memory(pictures.shape[0] * pictures.shape[1] * pictures.shape[2])
            if self.precision == "auto":
                self._decide(pictures)
            return self._whole(pictures)
        if len(pictures) > 1:
            return np.concatenate([self.run(picture[None]) for picture in pictures])
        return self.from_windows(ArrayPicture(pictures[0]))[None]

    def _settle_memory(self, pixels: int) -> None:
        """Of few pixels what tensors free is kept for the next; of many it is given back."""
        if self.device.type == "cpu":
            (keep_freed_memory if pixels <= TOGETHER else give_freed_memory_back)()

    def _decide(self, pictures: np.ndarray) -> None:
        """Take bf16 where it hardly changes the first picture, and say what was taken."""
        self.precision = taken = "fp32"
        if self.noisy:
            taken += ", since noise is on"
        elif may_be_bf16(self.header.target, self.device):
            quick = quick_twin(self.generator, torch.bfloat16)
            mean, little = difference(
                self._whole, lambda sample: self._whole(sample, quick), pictures
            )
            taken += f" (bf16 would differ by {mean:.1f} levels)"
            if little:
                self.twin, self.precision = quick, "bf16"
                taken = f"bf16 (differs from fp32 by {mean:.1f} levels)"
        device = self.device.type.upper()
        threads = f", {self.threads} thread{'s' * (self.threads > 1)}"
        where = device + threads * (device == "CPU")
        self.notice(f"{where}, {taken}")

    def together(self, height: int, width: int) -> int:
        """How many pictures of a size are best translated at once: with noise, each by itself."""
        return 1 if self.noisy else super().together(height, width)

    @contextmanager
    def held_statistics(
        self,
        pictures: Iterable[np.ndarray],
        translated: Callable[[np.ndarray], np.ndarray],
        on_progress: Progress,
    ) -> Iterator[None]:
        """See `networks.video_statistics`; a look that is foretold is that of all together."""
        before = self.look
        if self.header.look is not None and before is None:
            pictures = list(pictures)
            self.look = np.mean([self.foretold(picture) for picture in pictures], axis=0)
        try:
            with (
                self._through_the_generator(),
                held_statistics(self.generator, pictures, translated, on_progress),
            ):
                yield
        finally:
            self.look = before

    @contextmanager
    def _through_the_generator(self) -> Iterator[None]:
        """Whole pictures go through the generator itself, which may be changed meanwhile."""
        before, self.twin = self.twin, self.generator
        precision, self.precision = self.precision, "fp32"
        try:
            yield
        finally:
            self.twin, self.precision = before, precision

    @property
    def has_noise(self) -> bool:
        """Whether noise can change a result."""
        return has_noise(self.generator)

    def samples(self, source: np.ndarray, count: int, seed: int = 0) -> list[np.ndarray]:
        """With noise, where the model has some, which is as it was before afterwards."""
        if not self.has_noise:
            if self.precision == "auto":
                self._decide(source[None])
            return super().samples(source, count, seed)
        at_test_time(self.generator, noisy=True)
        try:
            with self._through_the_generator():
                self.seed(seed)
                return [self.apply(source) for _ in range(count)]
        finally:
            at_test_time(self.generator, self.noisy)

    @torch.inference_mode()
    def _foretold(self, source: np.ndarray) -> np.ndarray:
        height, width = source.shape[:2]
        if not self.fits(1, height, width):
            raise DiptychError(f"{width}x{height} is too large for memory to draw looks for")
        padded = self._padded_batch(self._on_device(source[None]))
        look: np.ndarray = foretold_look(self.generator, padded, (height, width))[0].cpu().numpy()
        return look

    def seed(self, seed: int) -> None:
        """Fix the noise, where it is on, for the pictures that follow.

        Raises DiptychError where torch takes no such number.
        """
        if not 0 <= seed < 2**63:
            raise DiptychError(f"seed {seed}: 0 or more, and below 2^63")
        torch.manual_seed(seed)

    def fits(self, count: int, height: int, width: int) -> bool:
        """Whether so many pictures of a size can be translated whole and together."""
        return self._cost(count, height, width) <= may_be_taken(self.memory, self.device)

    def from_windows(self, picture: PictureByWindows) -> np.ndarray:
        """As `by_windows`, with the result as an array.

        Raises DiptychError where that is too large for memory.
        """
        height, width = (self.header.scale * side for side in picture.shape[:2])
        target = self.header.target
        pixel = target.pixel_bytes
        if 2 * pixel * height * width > may_be_taken(self.memory, self.device):
            raise DiptychError(
                f"a result of {width}x{height} is too large for memory: write it by windows, "
                "with --format tif"
            )
        return super().from_windows(picture)

    @torch.inference_mode()
    def by_windows(self, picture: PictureByWindows) -> Block:
        """Translate a picture within bounded memory, whatever its size, as `translate` does."""
        height, width, _ = picture.shape
        self._settle_memory(height * width)
        room = may_be_taken(self.memory, self.device)
        whole = self._cost(1, height, width)
        generator = twin_in_parts(self.generator)
        workspace, words = bounded_translation.plan(
            generator, self.header, picture, room, whole, self.device, self._told(1)
        )
        self.notice(words)
        return bounded_translation.translate(
            generator, self.header, picture, workspace, self._told(1)
        )

    def _cost(self, count: int, height: int, width: int) -> int:
        """Bytes that it takes to translate pictures whole."""
        pixels = count * self._padded(height) * self._padded(width)
        if pixels <= self._padded(SAMPLE) ** 2:
            return 0  # no more than it takes to find out
        return int(pixels * self._bytes_per_pixel) + bounded_translation.BESIDE

    def _padded(self, side: int) -> int:
        return side + -side % self.header.size_multiple

    @cached_property
    def _bytes_per_pixel(self) -> float:
        side = self._padded(SAMPLE)
        source = self.header.source
        sample = np.zeros((1, side, side, source.array_channels), source.array_dtype)
        return tensors_at_most(lambda: self._whole(sample, self.generator)) / side**2

    def _whole(self, pictures: np.ndarray, generator: torch.nn.Module | None = None) -> np.ndarray:
        generator = generator or self.twin
        size, header = pictures.shape[1:3], self.header
        # The type of its first weights, those of a convolution.
        dtype = next((weights.dtype for weights in generator.parameters()), torch.float32)
        sources = self._on_device(pictures)
        padded = self._padded_batch(sources, dtype)
        look = self._told(len(pictures))
        outputs = translate_padded(generator, padded, (size[0], size[1]), header.scale, look)
        return decode(outputs, header.target, sources, header.source)

    def _padded_batch(
        self, sources: torch.Tensor, dtype: torch.dtype = torch.float32
    ) -> torch.Tensor:
        batch = encode(sources, self.header.source).to(dtype)
        return pad_to_multiple(batch, self.header.size_multiple)

    def _on_device(self, pictures: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(np.array(pictures)).to(self.device)

    def _told(self, count: int) -> torch.Tensor | None:
        """The look of so many results, where it is said."""
        if self.look is None:
            return None
        return torch.from_numpy(self.look).to(self.device).expand(count, -1)


def load_network(
    path: Path,
    device: str = "auto",
    threads: int = 0,
    dropout: bool | None = None,
    memory: int | str | None = None,
    normalization: str | None = None,
    precision: str = "fp32",
) -> NetworkTranslator:
    """As `load`, of a model file."""
    limit = parse_bytes(memory) if isinstance(memory, str) else memory
    if threads:
        torch.set_num_threads(threads)
    header, generator = generator_of(path)
    merge_branches(generator)
    return NetworkTranslator(
        header, generator, _device(device), dropout, limit, normalization, precision
    )


def _device(name: str) -> torch.device:
    usable = usable_devices()
    if name not in ("auto", *usable):
        names = ", ".join(["auto", *usable])
        raise DiptychError(f"--device {name!r}: not to be had on this machine; usable: {names}")
    return torch.device(usable[0] if name == "auto" else name)
