import io

from rich.console import Console

from diptych.commands.terminal import console, score_table
from diptych.evaluation.summary import Interval


def test_names_of_scores_stay_in_one_line_of_80_columns(monkeypatch):
    printed = io.StringIO()
    narrow = Console(file=printed, width=80, color_system=None, highlight=False, soft_wrap=True)
    monkeypatch.setattr(console, "console", narrow)
    scores = {name: Interval(0.5, 0.4, 0.6, 13) for name in ("l1", "features", "psnr")}
    score_table.show_scores(scores, {"bare satellite": scores, "nearest training pair": scores})
    assert "feature distance ↓ " in printed.getvalue()
    assert max(map(len, printed.getvalue().splitlines())) <= 80
