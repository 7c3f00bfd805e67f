"""What the samples say, round by round."""

from collections.abc import Callable
from dataclasses import dataclass
from operator import truediv
from statistics import median

from .contest import BARE, Cell
from .models import Model
from .rounds import Samples
from .sample import Sample


@dataclass(frozen=True)
class Spread:
    """A median over the rounds, and how far apart they were."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: list[float]) -> "Spread":
        """Sum up one value for each round."""
        return cls(median(values), min(values), max(values))

    @classmethod
    def of_ratios(cls, ours: list[float], theirs: list[float]) -> "Spread":
        """Compare round by round: what slows the machine down slows both."""
        return cls.of(list(map(truediv, ours, theirs)))


class Figures:
    """The samples of all rounds, aligned: value i of any figure is from round i."""

    def __init__(self, samples: Samples) -> None:
        self.samples = samples

    def has(self, model: Model, contender: str, load: str) -> bool:
        """Tell whether a contender was measured on a model under that load."""
        return Cell(model.name, contender, load) in self.samples

    def rates(self, model: Model, contender: str, load: str) -> list[float]:
        """Give the items a second of each round."""
        return self._each(Cell(model.name, contender, load), lambda sample: sample.rate)

    def latencies(self, model: Model, contender: str, load: str) -> list[float]:
        """Give the median latency of each round, in milliseconds."""
        return self._each(Cell(model.name, contender, load), lambda sample: sample.p50_ms)

    def slowest(self, model: Model, contender: str, load: str) -> list[float]:
        """Give the 99th percentile of latencies of each round, in milliseconds."""
        return self._each(Cell(model.name, contender, load), lambda sample: sample.p99_ms)

    def work(self, model: Model, contender: str, load: str) -> list[float]:
        """Give how long a core worked on an item in each round, in milliseconds."""
        return self._each(Cell(model.name, contender, load), lambda sample: sample.cpu_us / 1000)

    def best_bare_load(self, model: Model) -> str:
        """Find the batch size at which the bare model's median rate is highest."""
        loads = [
            cell.load for cell in self.samples if (cell.model, cell.contender) == (model.name, BARE)
        ]
        return max(loads, key=lambda load: median(self.rates(model, BARE, load)))

    def _each(self, cell: Cell, value: Callable[[Sample], float]) -> list[float]:
        return [value(sample) for sample in self.samples[cell]]
