"""A model that translates pictures of any size."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from diptych.errors import DiptychError
from diptych.images.arrays import read_array, read_several, resized
from diptych.images.encoding import decode, encode, known
from diptych.images.files import save_image, to_rgb, to_rgba
from diptych.images.geo import geo_tags
from diptych.images.padding import pad_to_multiple
from diptych.images.values import write_values
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
        result holds none. Raises DiptychError where the array is another.
        """
        self._check(pictures)
        height, width = pictures.shape[1:3]
        scale, target = self.header.scale, self.header.target
        sources = torch.from_numpy(np.array(pictures)).to(self.device)
        batch = encode(sources, self.header.source)
        padded = pad_to_multiple(batch, self.header.size_multiple)
        outputs = self.generator(padded, (height, width))
        outputs = outputs[..., : scale * height, : scale * width]
        results = decode(outputs, target, sources, self.header.source)
        there = known(sources, self.header.source)
        if there is None or target.kind != "values":
            return results
        nothing = ~there.any(dim=-1).cpu().numpy().repeat(scale, 1).repeat(scale, 2)
        if target.nodata is not None:
            results[nothing] = target.nodata
        elif results.dtype.kind == "f":
            results[nothing] = np.nan
        return results

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
