"""A run step of one's own: count the words of the kept traces."""

from dataclasses import dataclass

from reasondistill.store.rollout_table import read_rollouts
from reasondistill.store.run_context import Work


@dataclass(frozen=True, slots=True, kw_only=True)
class CountOptions:
    """Options of the step."""

    least: int = 1
    """Length from which a word counts."""


class CountWords:
    """Write words.json: the number of words in all rollouts."""

    Options = CountOptions
    name = "count_words"
    reads = ("generate",)
    writes = ("words.json",)

    def __init__(self, options):
        self._least = options.least

    def options(self):
        return {"least": self._least}

    def work(self, run):
        return Work(stored=int((run.path / "words.json").exists()))

    def run(self, run):
        words = sum(len(w) >= self._least for r in read_rollouts(run.path) for w in r.text.split())
        run.folder.write_json("words.json", {"words": words})
        return {"words": words}
