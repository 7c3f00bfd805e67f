"""The plots of the report, drawn from a result."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from .batches import Batches
from .contest import BARE, BENTOML, LEARNWIRE, LOOP, NOOP, PREDICT, batch_of, in_flight, open_loop
from .figures import Figures
from .models import PENGUINS, TEXT, Model
from .programme import SERVED, SHARES
from .result import Result

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's colours, which differ for all eyes.
_COLOURS = {LEARNWIRE: "#0072B2", NOOP: "#999999", BENTOML: "#D55E00", PREDICT: "#009E73"}
_MARKERS = {LEARNWIRE: "o", NOOP: "s", BENTOML: "D"}
_TITLES = {PENGUINS: "a row of penguins", TEXT: "a text of 58 tokens, full-size AWD_LSTM"}
_INCHES = (9.5, 4.2)
_DOTS_PER_INCH = 130


@dataclass(frozen=True)
class Plot:
    """One plot.

    Attributes:
        title: what it shows.
        file: the name of its file.
        draw: draws the result into a figure.
    """

    title: str
    file: str
    draw: Callable[["Figure", Result], None]


def write_plots(result: Result, folder: Path) -> None:
    """Draw them all into files."""
    for plot in PLOTS:
        draw_into(folder / plot.file, partial(_draw, plot, result))


def _draw(plot: Plot, result: Result, figure: "Figure") -> None:
    plot.draw(figure, result)


def draw_into(path: Path, draw: Callable[["Figure"], None], height: float = 1) -> None:
    """Draw a plot into a file, so many times as high as the usual one."""
    # Imported here, as it takes long and few benchmarks draw.
    from matplotlib.figure import Figure

    width, usual = _INCHES
    figure = Figure((width, usual * height), layout="constrained", facecolor="white")
    draw(figure)
    figure.savefig(path, dpi=_DOTS_PER_INCH)


def _draw_throughput(figure: "Figure", result: Result) -> None:
    for axes, model in zip(figure.subplots(1, len(SERVED)), SERVED, strict=True):
        _throughput(axes, result.figures, model, result.scope.in_flight)
        label_axes(axes, _TITLES[model], "calls in flight", "items a second")
        axes.set_xticks(result.scope.in_flight, map(str, result.scope.in_flight))
        axes.minorticks_off()
    legend_below(figure)


def _throughput(axes: "Axes", figures: Figures, model: Model, calls: tuple[int, ...]) -> None:
    _in_logarithms(axes)
    for contender, marker in _MARKERS.items():
        measured = [count for count in calls if figures.has(model, contender, in_flight(count))]
        rates = [figures.rates(model, contender, in_flight(count)) for count in measured]
        if measured:
            colour = _COLOURS[contender]
            medians = [median(ones) for ones in rates]
            axes.plot(measured, medians, color=colour, marker=marker, label=contender)
            least, most = [min(ones) for ones in rates], [max(ones) for ones in rates]
            axes.fill_between(measured, least, most, color=colour, alpha=0.2, linewidth=0)
    for label, contender, load, style in (
        (f"{BARE}, {batch_of(16)}", BARE, batch_of(16), "dashed"),
        (f"{BARE}, one by one", BARE, batch_of(1), "dotted"),
        (PREDICT, PREDICT, LOOP, "dashdot"),
    ):
        rate = median(figures.rates(model, contender, load))
        axes.axhline(rate, color=_COLOURS.get(contender, "black"), linestyle=style, label=label)


def _draw_latency(figure: "Figure", result: Result) -> None:
    for axes, model in zip(figure.subplots(1, len(SERVED)), SERVED, strict=True):
        _latency(axes, result.figures, model)
        label_axes(axes, _TITLES[model], "calls a second, at random times", "latency, ms")
    legend_below(figure)


def _latency(axes: "Axes", figures: Figures, model: Model) -> None:
    _in_logarithms(axes)
    for contender in (LEARNWIRE, BENTOML):
        loads = [open_loop(share) for share in SHARES]
        if figures.has(model, contender, loads[0]):
            rates = [median(figures.rates(model, contender, load)) for load in loads]
            for name, of, style in (
                ("p99", figures.slowest, "dashed"),
                ("p50", figures.latencies, "solid"),
            ):
                values = [median(of(model, contender, load)) for load in loads]
                axes.plot(
                    rates,
                    values,
                    color=_COLOURS[contender],
                    marker=_MARKERS[contender],
                    linestyle=style,
                    label=f"{contender}, {name}",
                )


def _draw_batches(figure: "Figure", result: Result) -> None:
    sizes = sorted({size for batches in result.batches for size in batches.counts})
    for axes, model in zip(figure.subplots(1, len(SERVED), sharey=True), SERVED, strict=True):
        _batches(axes, [one for one in result.batches if one.model == model.name], sizes)
        label_axes(axes, _TITLES[model], "share of the batches, %", "calls in flight")
        axes.grid(visible=False)
    legend_below(figure)


def _batches(axes: "Axes", measured: list[Batches], sizes: list[float]) -> None:
    from matplotlib import colormaps

    colours = colormaps["viridis_r"]
    lefts = [0.0] * len(measured)
    names = [batches.load.partition(" ")[0] for batches in measured]
    for place, size in enumerate(sizes):
        shares = [
            100 * batches.counts.get(size, 0) / sum(batches.counts.values()) for batches in measured
        ]
        colour = colours(place / max(1, len(sizes) - 1))
        axes.barh(names, shares, left=lefts, color=colour, edgecolor="white", label=_of_size(size))
        lefts = [left + share for left, share in zip(lefts, shares, strict=True)]


def _of_size(size: float) -> str:
    """Name the bucket of a histogram that doubles from one to the next."""
    if size <= 2:
        return "1 item" if size == 1 else "2 items"
    return f"{size / 2 + 1:.0f} to {size:.0f}"


def _in_logarithms(axes: "Axes") -> None:
    from matplotlib.ticker import LogLocator, NullFormatter

    for scale, axis in ((axes.set_xscale, axes.xaxis), (axes.set_yscale, axes.yaxis)):
        scale("log")
        axis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=8))
        axis.set_major_formatter("{x:,g}")
        axis.set_minor_formatter(NullFormatter())


def label_axes(axes: "Axes", title: str, x: str, y: str) -> None:
    """Say what axes show."""
    axes.set_title(title, fontsize=11)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.grid(which="major", color="#dddddd")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def legend_below(figure: "Figure") -> None:
    """Put one legend below all axes, each label once."""
    labelled = {
        label: handle
        for axes in figure.axes
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    figure.legend(
        labelled.values(), labelled.keys(), loc="outside lower center", ncols=4, frameon=False
    )


PLOTS = (
    Plot("Throughput against concurrency", "throughput.png", _draw_throughput),
    Plot("Latency of calls at random times", "latency.png", _draw_latency),
    Plot("Sizes of batches", "batches.png", _draw_batches),
)
