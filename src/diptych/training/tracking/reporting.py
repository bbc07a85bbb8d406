"""A run told to a dashboard, from a thread of its own: no fault or delay there reaches training."""

import json
import secrets
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from diptych.config import flat
from diptych.errors import reason_of
from diptych.training.trackers import Beginning, Tracker, figures_of
from diptych.training.tracking.dashboard import Dashboard
from diptych.version import __version__
from diptych.whole_file import write_whole

PATIENCE = 60.0  # seconds that a run, when it ends, waits for what is not told yet
TRACKED_AS = "tracked.json"  # in the run directory: the identity that it goes on with


class Reporting(Tracker):
    """Tells a dashboard what a run says; `note` hears, once, where that cannot be."""

    def __init__(self, name: str, dashboard: Dashboard, note: Callable[[str], object]) -> None:
        self.name, self.dashboard, self._note = name, dashboard, note
        self.calls: SimpleQueue[Callable[[], object] | None] = SimpleQueue()
        self.thread: threading.Thread | None = None
        self.place = ""
        self.fault: Exception | None = None
        self.finished = False
        self._said: set[str] = set()

    def begin(self, beginning: Beginning) -> None:
        """Begin, or go on with, the run of this directory."""
        identity, config = identity_of(beginning.out), config_of(beginning)
        self.thread = threading.Thread(target=self._tell, name=f"to {self.name}", daemon=True)
        self.thread.start()
        self.calls.put(lambda: self._begin(beginning.out, identity, config))

    def log(self, entry: dict[str, Any]) -> None:
        """Losses, or the scores of a validation."""
        figures, step = figures_of(entry), entry["step"]
        if figures:
            self._put(lambda: self.dashboard.add_figures(step, figures))

    def previewed(self, step: int, path: Path) -> None:
        """The previews of a validation."""
        self._put(lambda: self.dashboard.add_picture(step, path))

    def finish(self, model: Path, scores: Mapping[str, float]) -> None:
        """Where the model is, and its scores in validation."""
        self.finished = True
        results = {f"best/{name}": score for name, score in scores.items()}
        self._put(lambda: self.dashboard.add_results({"model": str(model), **results}))

    def close(self) -> None:
        """Wait until all is told, for so long."""
        if self.thread is None:
            return
        self._put(lambda: self.dashboard.end(self.finished))
        self.calls.put(None)
        self.thread.join(PATIENCE)
        if self.thread.is_alive():
            self._say(f"{self.name}: did not take all within {PATIENCE:.0f} s; the run is whole")
        self._say_news()
        self.thread = None

    def _begin(self, out: Path, identity: str, config: Mapping[str, Any]) -> None:
        self.place = self.dashboard.begin(out, identity, config)

    def _put(self, call: Callable[[], object]) -> None:
        self._say_news()
        if self.thread is not None and self.fault is None:
            self.calls.put(call)

    def _tell(self) -> None:
        """In the thread: one call after another, until one fails."""
        while (call := self.calls.get()) is not None:
            if self.fault is None:
                try:
                    call()
                except Exception as error:
                    self.fault = error

    def _say_news(self) -> None:
        if self.fault is not None:
            kind = type(self.fault).__name__
            why = reason_of(self.fault) or kind
            self._say(f"{self.name}: no longer told of this run, which goes on ({why})")
        elif self.place:
            self._say(f"{self.name}: {self.place}")

    def _say(self, text: str) -> None:
        """Once; from the thread that trains, which writes to the terminal."""
        if text not in self._said:
            self._said.add(text)
            self._note(text)


def identity_of(out: Path) -> str:
    """That of the run in a directory, in which it is kept; a new one where there is none."""
    path = out / TRACKED_AS
    try:
        identity = json.loads(path.read_text("utf-8"))["identity"]
        if isinstance(identity, str) and identity.isalnum():
            return identity
    except (OSError, ValueError, KeyError, TypeError):
        pass
    identity = secrets.token_hex(8)
    write_whole(path, json.dumps({"identity": identity}) + "\n")
    return identity


def config_of(beginning: Beginning) -> dict[str, Any]:
    """The recipe, key by key, and what it is trained on."""
    return {
        **flat(beginning.recipe),
        "diptych": __version__,
        "device": beginning.device,
        "domains": " -> ".join(beginning.domains),
        **{f"pairs.{split}": count for split, count in beginning.pairs.items()},
    }
