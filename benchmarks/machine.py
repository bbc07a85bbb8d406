"""What the machine can do at most: the floor that times are held against.

python benchmarks/machine.py [--device cpu] [--json FILE]
"""

import time

import torch

import side_by_side
from diptych.fast.processor import has_bf16

SIDE = 4096  # of the matrices that are multiplied
NUMBERS = 2**26  # float32 that are copied


def _best(work: "side_by_side.Round", times: int = 5) -> float:
    return max(work() for _ in range(times))


def rates(device: str = "cpu") -> dict[str, float | None]:
    """Billions of operations a second in products of matrices, and of bytes read and written.

    Of products in bfloat16 None where the device does not compute them itself: emulated, those of
    this size take a quarter of an hour.
    """

    def product(dtype: torch.dtype) -> side_by_side.Round:
        one, other = (torch.randn(SIDE, SIDE, device=device).to(dtype) for _ in range(2))

        def work() -> float:
            begun = time.perf_counter()
            (one @ other)[0, 0].item()
            return 2 * SIDE**3 / (time.perf_counter() - begun) / 1e9

        return work

    numbers = torch.randn(NUMBERS, device=device)
    copy = torch.empty_like(numbers)

    def copied() -> float:
        begun = time.perf_counter()
        copy.copy_(numbers)[0].item()
        return 2 * 4 * NUMBERS / (time.perf_counter() - begun) / 1e9

    bf16 = None
    if has_bf16(device, unknown=False):
        bf16 = round(_best(product(torch.bfloat16)), 1)
    else:
        print(f"{device}: does not multiply in bfloat16 itself: not measured")
    return {
        "fp32_gigaflops": round(_best(product(torch.float32)), 1),
        "bf16_gigaflops": bf16,
        "copy_gigabytes": round(_best(copied), 1),
    }


def main() -> None:
    """Measure and print."""
    parser = side_by_side.parser(__doc__)
    parser.add_argument("--device", default="cpu")
    given = parser.parse_args()
    side_by_side.tell("machine", rates(given.device), given.json)


if __name__ == "__main__":
    main()
