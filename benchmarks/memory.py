"""Memory of training, with layers kept and computed again, and of translating: peaks.

    python benchmarks/memory.py [--crops 256 512 1024] [--steps 3] [--json FILE]

The default recipe's networks, 64 base channels and 8 levels, on one made-up picture; every figure
comes from a process of its own. `peak_gb` is the most it held from its start to its end, Python,
torch, weights and optimiser included (VmHWM); on a GPU what torch took there
(`max_memory_allocated`). `still_gb` is held between steps, or before a picture is translated;
`processor_seconds_per_step` are those of all threads of the last step.
"""

import tempfile
import time
from pathlib import Path

import numpy as np
import torch

import side_by_side
from bounded import make_model, peak
from diptych.config import load_recipe
from diptych.data.batches import Batch
from diptych.networks import fitting_options
from diptych.training.engine import start_engine
from diptych.training.state import TrainingState
from diptych.translation.loading import load

Figures = dict[str, object]


def held() -> tuple[float, float]:
    """Gigabytes held now, and at the most."""
    if torch.cuda.is_available():
        now, most = torch.cuda.memory_allocated(), torch.cuda.max_memory_allocated()
    else:
        lines = Path("/proc/self/status").read_text("utf-8").splitlines()
        resident = next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))
        now, most = 1024 * resident, peak()
    return round(now / 1e9, 2), round(most / 1e9, 2)


def trained(crop: int, recompute: bool, precision: str, steps: int) -> Figures:
    """Some steps of the default recipe at a crop."""
    sizes = {"data.load_size": crop, "data.crop_size": crop}
    recipe = load_recipe(
        "pix2pix", sizes | {"train.recompute": recompute, "train.precision": precision}
    )
    engine, line = start_engine("auto", precision, recompute=recompute)
    given = recipe.generator.model_dump(exclude={"name"}) | {"in_channels": 3, "out_channels": 3}
    options = fitting_options("generator", "unet", given, {}) | {"levels": 8}
    state = TrainingState(recipe, options, engine)
    batch = Batch(*(torch.rand(2, 1, 3, crop, crop, device=engine.device) * 2 - 1))
    for _ in range(state.settles + steps):
        begun = time.process_time()
        float(state.learn(batch)["g_l1"])  # waits for the device
        seconds = time.process_time() - begun
    still, most = held()
    return {
        "device": line,
        "peak_gb": most,
        "still_gb": still,
        "processor_seconds_per_step": round(seconds, 2),
    }


def translated(size: int) -> Figures:
    """One picture through a model of the paper's size."""
    with tempfile.TemporaryDirectory() as folder:
        make_model(Path(folder) / "model.safetensors")
        translator = load(Path(folder) / "model.safetensors")
    picture = np.random.default_rng(0).integers(0, 256, (size, size, 3), np.uint8)
    still, _ = held()
    translator.apply(picture)
    return {"peak_gb": held()[1], "still_gb": still}


def main() -> None:
    """Measure one after the other and print all."""
    options = side_by_side.parser(__doc__)
    options.add_argument("--crops", type=int, nargs="+", default=[256, 512, 1024])
    options.add_argument("--pictures", type=int, nargs="+", default=[256, 2048])
    options.add_argument("--precisions", nargs="+", default=["auto", "fp32"])
    options.add_argument("--steps", type=int, default=3)
    given = options.parse_args()
    training = {}
    for precision in given.precisions:
        for crop in given.crops:
            arms = {
                name: side_by_side.alone(trained, crop, name == "recompute", precision, given.steps)
                for name in ("kept", "recompute")
            }
            peaks = {name: float(str(arm["peak_gb"])) for name, arm in arms.items()}
            saved = round(1 - peaks["recompute"] / peaks["kept"], 3)
            training[f"{crop} {precision}"] = {**arms, "saved": saved}
            print(f"{crop} {precision}: {training[f'{crop} {precision}']}", flush=True)
    result = {
        "training": training,
        "translating": {str(size): side_by_side.alone(translated, size) for size in given.pictures},
    }
    side_by_side.tell("memory", result, given.json)


if __name__ == "__main__":
    main()
