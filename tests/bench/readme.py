"""The README's summary, which is always that of the committed report."""

from collections.abc import Iterator
from pathlib import Path
from statistics import median

from .contest import BARE, BENTOML, BULK, LEARNWIRE, LOOP, PREDICT, batch_of, in_flight
from .figures import Figures
from .models import PENGUINS, RESNET, TEXT, Model
from .numbers import number
from .report import markdown_table
from .result import Result

_BEGIN, _END = "<!-- written by make bench: begin -->", "<!-- written by make bench: end -->"
_NONE = "-"
_COLUMNS = ("", "Learnwire", "BentoML", "`learner.predict`", "the bare network")


def write_summary(result: Result, readme: Path) -> None:
    """Put the figures between the marks."""
    before, _, rest = readme.read_text().partition(_BEGIN)
    _, _, after = rest.partition(_END)
    table = "\n".join(markdown_table(_COLUMNS, _rows(result), words=1))
    readme.write_text(f"{before}{_BEGIN}\n{table}\n{_END}{after}")


def _rows(result: Result) -> Iterator[tuple[str, ...]]:
    figures, many = result.figures, in_flight(16)
    for what, model, ours, theirs in (
        ("a row of penguins, 16 calls in flight", PENGUINS, many, batch_of(16)),
        ("100,000 rows of penguins, one `predict_many`", PENGUINS, BULK, None),
        ("a text of 58 tokens, full-size AWD_LSTM, 16 in flight", TEXT, many, batch_of(16)),
        ("an image of 64 pixels, resnet18, 16 in flight", RESNET, many, batch_of(16)),
    ):
        bare = theirs or figures.best_bare_load(model)
        yield (
            f"{what}: items a second",
            _rate(figures, model, LEARNWIRE, ours),
            _rate(figures, model, BENTOML, many),
            _rate(figures, model, PREDICT, LOOP),
            f"{_rate(figures, model, BARE, bare)} ({bare})",
        )
    yield (
        "the text, one call: median latency",
        _latency(figures, TEXT, LEARNWIRE, in_flight(1)),
        _latency(figures, TEXT, BENTOML, in_flight(1)),
        _latency(figures, TEXT, PREDICT, LOOP),
        _latency(figures, TEXT, BARE, batch_of(1)),
    )
    feet = [result.footprints.get(name) for name in (LEARNWIRE, BENTOML)]
    starts = [f"{median(one.seconds):.1f} s" if one else _NONE for one in feet]
    sizes = [f"{median(one.megabytes):,.0f} MB" if one else _NONE for one in feet]
    yield ("a server of the rows' and the text's model: start", *starts, _NONE, _NONE)
    yield ("the same: resident memory", *sizes, _NONE, _NONE)


def _rate(figures: Figures, model: Model, contender: str, load: str) -> str:
    if not figures.has(model, contender, load):
        return _NONE
    return number(median(figures.rates(model, contender, load)))


def _latency(figures: Figures, model: Model, contender: str, load: str) -> str:
    if not figures.has(model, contender, load):
        return _NONE
    return f"{number(median(figures.latencies(model, contender, load)))} ms"
