"""All that one run found."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from .batches import Batches
from .contest import BARE, NOOP, Cell, in_flight
from .encoding import Encoding
from .figures import Figures
from .footprint import Footprint
from .installed import Installed
from .memory import ROWS, Growth
from .models import PENGUINS
from .rounds import Samples
from .scope import Scope
from .targets import Verdict, judge, judge_light


@dataclass(frozen=True)
class Result:
    """All that one run found.

    Attributes:
        scope: how much was measured.
        machine: what the figures hold for.
        samples: one for each figure and round.
        growth: memory while many rows pass.
        batches: how many items batches had.
        footprints: what servers take, by contender.
        backends: what ran Learnwire's networks, by learner.
        encoding: what texts and images take before the network; None where not measured.
        installed: what installations weigh, and how soon they answer, by extra.
        archives: what the archives of sealed models weigh, by model, in 10^3 bytes.
        left_out: who was left out, and why, a sentence each.
        minutes: how long it all took.
    """

    scope: Scope
    machine: dict[str, str]
    samples: Samples
    growth: Growth
    batches: list[Batches]
    footprints: dict[str, Footprint]
    backends: dict[str, str]
    encoding: Encoding | None
    installed: dict[str, Installed]
    archives: dict[str, float]
    left_out: list[str]
    minutes: float

    @property
    def rounds(self) -> int:
        """How many rounds were counted."""
        return len(next(iter(self.samples.values())))

    @property
    def figures(self) -> Figures:
        """The samples, to ask."""
        return Figures(self.samples)

    @property
    def verdicts(self) -> list[Verdict]:
        """The targets beside what was measured."""
        return [
            *judge(self.figures, self.growth, self.footprints, self.batches),
            *judge_light(self.encoding, self.installed, self.archives),
        ]


def write_json(result: Result, path: Path) -> None:
    """Write everything, each sample of each round too."""
    document = {
        "machine": result.machine,
        "minutes": round(result.minutes, 1),
        "rounds": result.rounds,
        "left_out": result.left_out,
        "backends": result.backends,
        "targets": [{**asdict(verdict), "met": verdict.met} for verdict in result.verdicts],
        "memory": asdict(result.growth),
        "footprints": [asdict(footprint) for footprint in result.footprints.values()],
        "encoding": asdict(result.encoding) if result.encoding else None,
        "installed": {extra: asdict(one) for extra, one in result.installed.items()},
        "archives_kb": result.archives,
        "batches": [asdict(batches) for batches in result.batches],
        "samples": [
            {**cell._asdict(), "rounds": [asdict(sample) for sample in samples]}
            for cell, samples in result.samples.items()
        ],
    }
    path.write_text(json.dumps(document, indent=1) + "\n")


def limits(result: Result) -> list[str]:
    """Tell what to know about this run's figures."""
    noop = result.samples[Cell(PENGUINS.name, NOOP, in_flight(16))]
    client, server = median(one.client_busy or 0 for one in noop), median(one.busy for one in noop)
    limit = "the client is the limit" if client > server else "the server is the limit"
    bare = [one for cell, ones in result.samples.items() if cell.contender == BARE for one in ones]
    return [
        *result.left_out,
        "Learnwire's networks ran in "
        + ", ".join(f"{backend} ({name})" for name, backend in result.backends.items())
        + ": in ONNX Runtime those of sealed models, in PyTorch all others.",
        f"Against the noop server with 16 in flight the client used {client:.0%} of its core and "
        f"the server {server:.0%} of its own: {limit}.",
        f"The bare model, which never waits, got {median(one.busy for one in bare):.0%} of its "
        f"core, {min(one.busy for one in bare):.0%} at the least: what is missing from 100% "
        "others used, and then these figures are worth little.",
        f"For the memory row {result.growth.rows:,} of {ROWS:,} rows passed, "
        f"at {result.growth.rate:,.0f} rows/s.",
        *_lateness(result),
    ]


def _lateness(result: Result) -> list[str]:
    lates = [one.late_ms for ones in result.samples.values() for one in ones if one.late_ms]
    if not lates:
        return []
    return [
        "In open loops 99 of 100 calls were sent less than "
        f"{median(lates):.2g} ms after their time, in the worst sample {max(lates):.2g} ms."
    ]
