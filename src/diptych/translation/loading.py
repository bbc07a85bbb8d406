"""From a model's name to its translator, of the runtime that its file is for."""

from pathlib import Path

from diptych.errors import DiptychError
from diptych.model_file import Header, read_header
from diptych.model_place import model_path
from diptych.translation.plain_form import PlainForm
from diptych.translation.translator import Translator


def load(
    model: str | Path,
    *,
    device: str = "auto",
    threads: int = 0,
    dropout: bool | None = None,
    memory: int | str | None = None,
    normalization: str | None = None,
    precision: str = "fp32",
) -> Translator:
    """The translator of a run directory, a model file, an exported `.onnx` file or `hf://user/name`.

    `device`: auto (CUDA, else Apple's MPS, else the CPU), cpu, cuda or mps. `threads`: of the CPU,
    0 for torch's choice. `dropout`: noise when translating; None takes what the model was stored
    with. `memory`: what the program may take in all, in bytes or as "2GB"; None takes what is free.
    `normalization`: by the statistics of each "image", or by those "stored" in the model; None
    takes what the model was stored with. `precision`: "bf16", for pictures in 8 bits alone, is
    faster where the device computes it itself; "auto" takes it there if the first picture is then
    hardly another, and tells `notice`. Exported files run on the CPU, without noise and without
    torch. Raises DiptychError where the file is no whole model of this program.
    """
    path = model_path(Path(model))
    if path.suffix.lower() == ".onnx":
        from diptych.translation.onnx_translator import OnnxTranslator

        for option, chosen in (
            ("--dropout", dropout),
            ("--device", device not in {"auto", "cpu"}),
            ("--normalization", normalization),
            ("--memory", memory),
            ("--precision", precision == "bf16"),
        ):
            if chosen:
                raise DiptychError(
                    f"{option}: exported models run on the CPU, whole, as they were exported"
                )
        return OnnxTranslator(path, threads)
    try:
        from diptych.translation.network_translator import load_network
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise DiptychError(
            f"{path}: needs torch: pip install diptych; without it only .onnx files translate"
        ) from None
    return load_network(path, device, threads, dropout, memory, normalization, precision)


def read_about(path: Path) -> tuple[Header, PlainForm | None]:
    """What a model file says, and how one that was exported for other programs takes pictures.

    Raises DiptychError where it is no model.
    """
    if path.suffix.lower() != ".onnx":
        return read_header(path), None
    from diptych.translation.onnx_translator import OnnxTranslator

    exported = OnnxTranslator(path)
    return exported.header, exported.form
