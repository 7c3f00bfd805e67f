"""A model's description as a page for people."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from .page import Table
from .rows import Cell

if TYPE_CHECKING:
    from .model import Column, Input, Model, Output, Plan, Provenance, Version

_MOST_LISTED = 8
_BACKENDS = {"torch": "PyTorch", "onnx": "ONNX Runtime"}
_HEADER = ("column", "type", "null", "values")


def model_page(model: "Model") -> Iterator[str | Table]:
    """Give the page that describes a model."""
    yield model.tag
    yield from input_page(model.input)
    yield output_text(model.output)
    if model.plan:
        yield from _plan(model.plan)
    yield from _origin(model.provenance)
    if len(model.versions) > 1:
        yield f"versions {versions_text(model.versions)}"


def input_page(spec: "Input") -> Iterator[str | Table]:
    """Tell what a model takes, its columns in a table."""
    yield f"takes {_input(spec)}"
    if spec.columns:
        yield Table([_HEADER, *map(_row, spec.columns)])


def output_text(spec: "Output") -> str:
    """Tell what a model answers."""
    return f"answers {_output(spec)}"


def versions_text(versions: "Sequence[Version]") -> str:
    """List versions in one line."""
    return _listed(v.name if v.ready else f"{v.name} (loading)" for v in versions)


def _input(spec: "Input") -> str:
    match spec.kind:
        case "text":
            return f"a text of at most {spec.max_chars} characters"
        case "tabular":
            return f"a row of {_count(spec.columns, 'column')}"
        case "array":
            kind = "an image, encoded or as an array" if spec.encoded else "an array"
            return f"{kind}: {_array(spec)}"
        case "several_arrays":
            return f"{_count(spec.arrays, 'array')}: {', '.join(map(_image_or_array, spec.arrays))}"
        case _:
            return "an input of a kind that this client does not know"


def _array(spec: "Input") -> str:
    axes = map(_axis, spec.axes or [""] * len(spec.shape), spec.shape)
    typical = f", typically {list(spec.typical_shape)}" if spec.typical_shape else ""
    return f"{spec.dtype} [{', '.join(axes)}]{typical}"


def _image_or_array(spec: "Input") -> str:
    """Name an array; an image is one too."""
    return f"{'image ' if spec.encoded else ''}{_array(spec)}"


def _axis(name: str, size: int) -> str:
    return f"{name} {'any' if size < 0 else size}".lstrip()


def _output(spec: "Output") -> str:
    classes = f"{_count(spec.classes, 'class', 'classes')}: {_listed(spec.classes)}"
    match spec.kind:
        case "single_label" if spec.private:
            return f"one of {_count(spec.classes, 'class', 'classes')}, which are private"
        case "single_label":
            return f"one of {classes}"
        case "multi_label":
            return f"those whose probability is above {spec.threshold:g} of {classes}"
        case "regression":
            return f"{_count(spec.targets, 'number')}: {_listed(spec.targets)}"
        case "arrays":
            arrays = f"{_count(spec.arrays, 'array')}: {_listed(spec.arrays)}"
            return f"{arrays}; of {classes}" if spec.classes else arrays
        case "several":
            return f"{_count(spec.heads, 'output')}: {'; '.join(map(_output, spec.heads))}"
        case _:
            return "in a way that this client does not know"


def _plan(plan: "Plan") -> Iterator[str]:
    why = "; no faster one serves:" if plan.reasons else ""
    backend = f" on {_BACKENDS.get(plan.backend, plan.backend)}" if plan.backend else ""
    yield f"predicted by the plan {plan.name}{backend}{why}"
    if plan.bit_identical is not None:
        yield f"  {_company(plan)}"
    yield from (f"  {reason}" for reason in plan.reasons)


def _company(plan: "Plan") -> str:
    if plan.bit_identical:
        return "an answer has the same bits whoever shares its batch"
    return f"the last bits of an answer depend on who shares its batch: {plan.bit_difference}"


def _origin(provenance: "Provenance") -> Iterator[str]:
    libraries = ", ".join(f"{k} {v}" for k, v in sorted(provenance.library_versions.items()))
    if provenance.created:
        saved = f"saved {provenance.created:%Y-%m-%d %H:%M} UTC"
        yield f"{saved} with {libraries}" if libraries else saved
    if provenance.labels:
        yield f"labels {', '.join(f'{k}={v}' for k, v in sorted(provenance.labels.items()))}"
    if provenance.verified:
        yield "verified: it answered its golden examples as when it was saved"


def _row(column: "Column") -> tuple[str, ...]:
    return column.name, column.type, "yes" if column.nullable else "no", _values(column)


def _values(column: "Column") -> str:
    others = "; others refused" if column.refuses_unknown else ""
    if column.private:
        return f"private{others}"
    if column.categories:
        return _listed(map(_cell, column.categories)) + others
    typical = ""
    if column.typical_min is not None and column.typical_max is not None:
        typical = f"{column.typical_min:g} to {column.typical_max:g}, "
    return f"{typical}such as {_cell(column.example)}"


def _cell(cell: Cell) -> str:
    return f"{cell:g}" if isinstance(cell, float) else str(cell)


def _listed(names: Iterable[str]) -> str:
    every = list(names)
    more = len(every) - _MOST_LISTED
    return ", ".join(every[:_MOST_LISTED]) + (f" and {more} more" if more > 0 else "")


def _count(things: Sequence[object], one: str, many: str = "") -> str:
    return f"{len(things)} {one if len(things) == 1 else many or one + 's'}"
