"""A model that translates pictures of any size: what all runtimes share."""

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Self

import numpy as np
from PIL import Image

from diptych.data.scale import trained_size
from diptych.errors import DiptychError
from diptych.images.arrays import beside, read_array, resized
from diptych.images.display import displayed
from diptych.images.files import ARRAY_SUFFIXES, TIFF_SUFFIXES
from diptych.images.geo import geo_tags
from diptych.images.limits import check_pixels
from diptych.images.rgb import as_array, as_image, colours_of
from diptych.images.windows import Picture as PictureByWindows
from diptych.images.writing import save_image, write_values
from diptych.model_file import Header
from diptych.translation.wished_look import (
    BEYOND,
    NO_LOOK,
    all_looks,
    bounded,
    drawn_looks,
    look_in_colours,
    look_like,
)

Picture = str | Path | Image.Image | np.ndarray
Progress = Callable[[int, int], object]

TOGETHER = 8 * 256**2  # pixels; more at once are no faster

NO_NOISE = "this model has no noise to vary"
NO_SAMPLES = f"{NO_NOISE}, and takes no look"


class Translator(ABC):
    """Calling it translates one picture; nothing about the network has to be said again.

    `header` is what the model file says of it. `notice` is told what a person should know of, as
    when a picture is translated in parts. `NetworkTranslator` runs it in torch, `OnnxTranslator`
    in ONNX Runtime.
    """

    # That pictures are computed in; "auto" until the first of them decides.
    precision = "fp32"
    # Bring pictures to the scale of the training, and results back to their size.
    at_trained_scale = False
    # How results are to look (see `wished_look`); None: as the source foretells.
    look: np.ndarray | None = None

    def __init__(self, header: Header) -> None:
        self.header = header
        self.notice: Callable[[str], None] = lambda _: None

    @property
    @abstractmethod
    def threads(self) -> int:
        """Of the processor, that it computes with."""

    @abstractmethod
    def run(self, pictures: np.ndarray) -> np.ndarray:
        """As `translate`, of arrays that were checked."""

    @property
    def has_noise(self) -> bool:
        """Whether noise can change a result."""
        return False

    @property
    def varies(self) -> bool:
        """Whether `samples` can differ."""
        return self.has_noise or self.header.look is not None

    def samples(self, source: np.ndarray, count: int, seed: int = 0) -> list[np.ndarray]:
        """So many results of `apply` that differ: in their look, where the model takes one.

        Looks are drawn as `drawn_looks` does. Raises DiptychError where nothing can differ.
        """
        if self.header.look is None:
            raise DiptychError(NO_SAMPLES)
        looks = drawn_looks(self.foretold(source), self.header.look, count, seed)
        return [self.told(look=look).apply(source) for look in looks]

    def foretold(self, source: np.ndarray) -> np.ndarray:
        """The look that an array `(H, W, C)` foretells; raises DiptychError without looks."""
        if self.header.look is None:
            raise DiptychError(NO_LOOK)
        self._check(source[None])
        return self._foretold(
            resized(source, self.size_within(*source.shape[:2]), self.header.source)
        )

    @abstractmethod
    def _foretold(self, source: np.ndarray) -> np.ndarray:
        """As `foretold`, of an array that was checked, by a model that takes a look."""

    def told(
        self,
        *,
        like: "Picture | None" = None,
        colors: Sequence[str] = (),
        look: np.ndarray | None = None,
    ) -> Self:
        """The same model, told how results are to look, whatever their sources foretell.

        One of: `like`, a picture to take the colours of: the largest, where targets stand on a
        plain ground, as products do, else the overall ones; `colors`, the largest one or two, as
        `#a03020` or names; `look`, the numbers themselves, NaN among them as foretold. Raises
        DiptychError where the model takes no look, or where not one of the three is said.
        """
        known, target = self.header.look, self.header.target
        if known is None:
            raise DiptychError(NO_LOOK)
        if (like is not None) + bool(colors) + (look is not None) != 1:
            raise DiptychError("a look is said once: like, or colors")
        if colors:
            look = look_in_colours(colors, known)
        elif like is not None and known.changed:
            from diptych.images.main_colours import main_colours  # by torch

            picture = displayed(self._as_target(like), target)[..., :3]
            look = look_in_colours(main_colours(picture, 1), known)
        elif like is not None:
            look = bounded(self.own_look(self._as_target(like)), all_looks(known), BEYOND)
        other = copy.copy(self)
        other.look = np.asarray(look, np.float32)
        if other.look.shape != (len(known.foretold),) or np.isinf(other.look).any():
            raise DiptychError(f"a look of this model is {len(known.foretold)} numbers")
        return other

    def own_look(self, picture: np.ndarray) -> np.ndarray:
        """The look that an array of the target's domain has itself, for `told(look=...)`."""
        return look_like(picture, self.header.target)

    def _as_target(self, picture: "Picture") -> np.ndarray:
        """A picture of any kind as an array of the target's domain."""
        if isinstance(picture, Image.Image):
            if not self.header.target.is_picture:
                raise DiptychError("results are values, not pictures: give like a file or an array")
            return as_array(colours_of(picture, self.header.target.kind))
        if isinstance(picture, np.ndarray):
            return picture
        return read_array(Path(picture), self.header.target)

    def settle(self, source: np.ndarray) -> None:
        """Have an array of the source's domain decide what is decided by the first picture."""
        size = self.size_within(*source.shape[:2])
        if self.precision == "auto":
            self._decide(resized(source, size, self.header.source)[None])

    def _decide(self, pictures: np.ndarray) -> None:  # noqa: B027 - nothing, as a rule
        """Decide by pictures `(N, H, W, C)`."""

    def seed(self, seed: int) -> None:  # noqa: B027 - nothing, where there is no noise
        """Fix the noise, where it is on, for the pictures that follow."""

    def fits(self, count: int, height: int, width: int) -> bool:  # noqa: ARG002
        """Whether so many pictures of a size can be translated whole and together."""
        return True

    def together(self, height: int, width: int) -> int:
        """How many pictures of a size are best translated at once."""
        height, width = self.size_within(height, width)
        count = max(1, TOGETHER // (height * width))
        while count > 1 and not self.fits(count, height, width):
            count //= 2
        return count

    def scaled(self) -> "Translator":
        """The same model at the scale of its training, whatever the size of pictures.

        Raises DiptychError where it has no such scale, or takes more from a picture than it sees.
        """
        header = self.header
        if header.target_size is None and trained_size(header, header.crop_size) is None:
            raise DiptychError(
                "--at-trained-scale: this model learned from parts of pictures as they are, which "
                "is the scale to translate at"
            )
        if header.target.kind == "chroma" or header.source.kind == "rgba":
            raise DiptychError(
                "--at-trained-scale: this model keeps what it is given of a picture pixel by pixel"
            )
        other = copy.copy(self)
        other.at_trained_scale = True
        return other

    def size_within(self, height: int, width: int) -> tuple[int, int]:
        """Height and width at which a picture goes through the network."""
        if self.header.target_size is not None:
            return self.header.crop_size
        size = trained_size(self.header, (height, width)) if self.at_trained_scale else None
        if size is None:
            return height, width
        check_pixels(size[1], size[0])
        return size

    def by_windows(self, picture: PictureByWindows) -> PictureByWindows:
        """Translate a picture within bounded memory, whatever its size, as `translate` does."""
        raise DiptychError(
            f"{picture.shape[1]}x{picture.shape[0]}: exported models translate whole pictures; "
            "translate it with the model file that this one was exported from"
        )

    def from_windows(self, picture: PictureByWindows) -> np.ndarray:
        """As `by_windows`, with the result as an array."""
        height, width = (self.header.scale * side for side in picture.shape[:2])
        return self.by_windows(picture).read(((0, height), (0, width)))

    def held_statistics(
        self,
        pictures: Iterable[np.ndarray],  # noqa: ARG002
        translated: Callable[[np.ndarray], np.ndarray],  # noqa: ARG002
        on_progress: Progress,  # noqa: ARG002
    ) -> AbstractContextManager[None]:
        """Within it normalisation goes by statistics pooled over `pictures`, where it can."""
        return nullcontext()

    def read(self, *paths: Path) -> np.ndarray:
        """The picture in a file, as an array of the source's domain.

        A model of several sources takes a file for each, in its order. Raises DiptychError where a
        file is bad or holds another kind of numbers.
        """
        source = self.header.source
        domains = source.parts or (source,)
        if len(paths) != len(domains):
            raise DiptychError(
                f"this model takes {len(domains)} sources, {source.name}: "
                "--source NAME=FOLDER for each"
            )
        return beside([read_array(*each) for each in zip(paths, domains, strict=True)], paths)

    def write(self, path: Path, result: np.ndarray, source: Path | None = None) -> None:
        """Write a result whole, in the format of the ending of `path`.

        A TIFF is given the georeference of the `source` file, where that has one. Raises
        DiptychError where the format has no room for such values.
        """
        target = self.header.target
        if path.suffix.lower() not in TIFF_SUFFIXES | ARRAY_SUFFIXES and target.is_picture:
            save_image(as_image(result), path)
        else:
            tags = geo_tags(source, result.shape[:2]) if source is not None else []
            write_values(path, result, target.palette, target.void, tags)

    def __call__(
        self, picture: Picture, *, like: Picture | None = None, colors: Sequence[str] = ()
    ) -> Image.Image | np.ndarray:
        """Translate a file, a PIL image or an array `(H, W, C)` of the source's domain.

        `like` and `colors` say how the result is to look, as in `told`.

        The result is a PIL image where the target is a picture in colours or gray, else an array
        `(H, W, C)` of its values, or of class indices. It has the source's size, times the model's
        `scale`; where source and target differ in shape, the targets' size.
        """
        if like is not None or colors:
            return self.told(like=like, colors=colors)(picture)
        if isinstance(picture, Image.Image):
            if not self.header.source.is_picture:
                raise DiptychError("this model takes values, not pictures: give a file or an array")
            picture = as_array(colours_of(picture, self.header.source.kind))
        result = self.apply(
            picture if isinstance(picture, np.ndarray) else self.read(Path(picture))
        )
        return as_image(result) if self.header.target.is_picture else result

    def apply(self, source: np.ndarray) -> np.ndarray:
        """Translate one array `(H, W, C)` of the source's domain; gives one of the target's."""
        translated: np.ndarray = self.apply_all(source[None])[0]
        return translated

    def apply_all(self, sources: np.ndarray) -> np.ndarray:
        """As `apply`, of arrays `(N, H, W, C)`, each by itself."""
        self._check(sources)
        header, (height, width) = self.header, sources.shape[1:3]
        within = self.size_within(height, width)
        size = height * header.scale, width * header.scale
        if header.target_size is not None:
            size = header.target_size[1], header.target_size[0]
        elif within == (height, width):
            return self.translate(sources)
        # As in training, both sides at one size.
        brought = np.stack([resized(source, within, header.source) for source in sources])
        return np.stack(
            [resized(result, size, header.target) for result in self.translate(brought)]
        )

    def translate(self, pictures: np.ndarray) -> np.ndarray:
        """Translate arrays `(N, H, W, C)` of the source's domain, all of one size.

        For pictures in colours they are uint8 with three channels, one for gray, four where the
        model fills holes. Results are `(N, scale H, scale W, C)`, as files of the target's domain
        hold them. Sources are padded to the multiple that the generator needs and results cut back;
        the padding stays out of the statistics of normalisation. Where a source holds no data, the
        result holds none. Raises DiptychError where the array is another, or where it fits into
        memory neither whole nor in parts.
        """
        self._check(pictures)
        return self.run(pictures)

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
