"""A served model under many clients at once, on this machine alone.

    python benchmarks/serve.py MODEL PICTURE [--clients 32] [--seconds 60] [--json FILE]

Starts `diptych serve` as a program of its own on a free port, and has so many clients send the
picture to the plain interface over and over. One that is told to wait (503) does so for `--pause`
seconds, as a patient program would. Counted are answers by their status, requests that got none
(`lost`), results a second, the time from request to result (`p50`, `p95`, of those done), and the
server's memory: VmRSS before and after, VmHWM from its start to its end.
"""

import argparse
import json
import platform
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import httpx
import numpy as np


def memory(process: int, name: str) -> float:
    """A line of the server's status, in MB."""
    lines = Path(f"/proc/{process}/status").read_text("utf-8").splitlines()
    return round(next(int(x.split()[1]) for x in lines if x.startswith(f"{name}:")) * 1.024e-3, 1)


def client(url: str, picture: bytes, until: float, pause: float, found: dict[str, list]) -> None:
    """Send the picture until the time is over."""
    with httpx.Client(timeout=120) as session:
        while time.monotonic() < until:
            begun = time.monotonic()
            try:
                answer = session.post(url, content=picture)
            except httpx.HTTPError as error:
                found["lost"].append(repr(error))
                continue
            found["status"].append(answer.status_code)
            if answer.status_code == 200:
                found["seconds"].append(time.monotonic() - begun)
            else:
                time.sleep(pause)


def main() -> None:
    """Start the server, let the clients at it, and print what was found."""
    parser = argparse.ArgumentParser()
    parser.add_argument("model", type=Path)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--pause", type=float, default=0.5)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    command = [sys.executable, "-m", "diptych", "serve", f"model={given.model}", "--port", "0"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603
    assert server.stdout is not None  # noqa: S101 - it is a pipe
    try:
        address = next(line.split()[0] for line in server.stdout if line.startswith("http"))
        picture = given.picture.read_bytes()
        url = f"{address}/translate/model"
        httpx.post(url, content=picture, timeout=60).raise_for_status()
        before = memory(server.pid, "VmRSS")
        found: dict[str, list] = {"status": [], "seconds": [], "lost": []}
        until = time.monotonic() + given.seconds
        threads = [
            threading.Thread(target=client, args=(url, picture, until, given.pause, found))
            for _ in range(given.clients)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        health = httpx.get(f"{address}/health", timeout=10).json()
        p50, p95 = np.percentile(found["seconds"], [50, 95])
        result = {
            "benchmark": "serve",
            "processor": platform.processor() or platform.machine(),
            "clients": given.clients,
            "seconds": given.seconds,
            "answers": {str(k): n for k, n in sorted(Counter(found["status"]).items())},
            "lost": len(found["lost"]),
            "results_per_second": round(len(found["seconds"]) / given.seconds, 1),
            "p50_seconds": round(float(p50), 3),
            "p95_seconds": round(float(p95), 3),
            "rss_mb": {"before": before, "after": memory(server.pid, "VmRSS")},
            "peak_mb": memory(server.pid, "VmHWM"),
            "in_line_afterwards": health["in_line"],
        }
    finally:
        server.terminate()
        server.wait(30)
    print(json.dumps(result, indent=2))
    if given.json:
        given.json.write_text(json.dumps(result, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
