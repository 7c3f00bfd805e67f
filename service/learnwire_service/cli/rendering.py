"""A model as a page for people's eyes."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table

from ..models.model import Model
from ..signature.specs import (
    ArrayInput,
    ArraysInput,
    Column,
    HeadSpec,
    InputSpec,
    MaskOutput,
    MultiLabelOutput,
    OutputSpec,
    PointsOutput,
    RegressionOutput,
    SeveralOutput,
    SingleLabelOutput,
    TabularInput,
    TextInput,
)
from ..store.manifest import AnyManifest, TorchArray, TorchManifest
from ..torch_models.model import TorchModel

_SHOWN = 8


def model_table(model: Model | TorchModel) -> Group:
    """All that a caller wants to know of one model."""
    manifest = model.manifest
    facts = Table(box=None, show_header=False)
    facts.add_row("model", model.tag)
    facts.add_row("created", f"{manifest.created:%Y-%m-%d %H:%M} UTC")
    facts.add_row("verified", "yes" if manifest.verified else "no")
    facts.add_row("answered", _answered(manifest))
    for name, value in {**manifest.labels, **manifest.metadata}.items():
        facts.add_row(name, str(value))
    versions = ", ".join(f"{k} {v}" for k, v in manifest.library_versions.items())
    facts.add_row("saved with", versions)
    if isinstance(manifest, TorchManifest):
        return Group(facts, _methods(manifest))
    facts.add_row("answers", _output(manifest.signature.output))
    return Group(facts, *_input(manifest.signature.input))


def _made(manifest: TorchManifest) -> str:
    if manifest.factory is None:
        return "on PyTorch, from a pickle, which runs its code when it is loaded"
    return f"on PyTorch, its weights alone put into what {manifest.factory} makes"


def _methods(manifest: TorchManifest) -> Table:
    table = Table("method", "takes", "answers", "batches")
    for name, method in manifest.methods.items():
        along = f"along dimension {method.batch_dim}" if method.batchable else "none"
        table.add_row(name, _sizes(method.inputs), _sizes(method.outputs), along)
    return table


def _sizes(arrays: Sequence[TorchArray]) -> str:
    return ", ".join(
        f"{one.name} {one.dtype} {' x '.join(str(n) if n >= 0 else 'n' for n in one.shape)}".strip()
        for one in arrays
    )


def _answered(manifest: AnyManifest) -> str:
    if isinstance(manifest, TorchManifest):
        return _made(manifest)
    sealed = manifest.sealed
    if sealed is None:
        return f"by the Learner itself; not sealed yet (learnwire models seal {manifest.tag})"
    if sealed.plan is None or sealed.proof is None:
        return f"by the Learner itself: {sealed.reason}"
    if varies := sealed.proof.varies:
        return f"sealed ({sealed.plan}); the last bits of an answer vary: {varies}"
    return f"sealed ({sealed.plan}); an answer has the same bits whoever shares its batch"


def _input(spec: InputSpec) -> list[RenderableType]:
    match spec:
        case TextInput():
            return [" takes a text"]
        case ArrayInput():
            return [f" takes {_array(spec)}"]
        case ArraysInput():
            return [" takes several arrays:", *(f"  {_array(one)}" for one in spec.arrays)]
        case TabularInput():
            table = Table("column", "type", "null", "categories or typical range", "example")
            for column in spec.public.columns:
                null = "yes" if column.nullable else "no"
                example = "" if column.private else str(column.example)
                table.add_row(column.name, column.type, null, _values(column), example)
            return [table]


def _array(spec: ArrayInput) -> str:
    sizes = " x ".join(
        f"{axis} {size}" if size > 0 else axis
        for axis, size in zip(spec.axes, spec.shape, strict=True)
    )
    typical = f", typically {list(spec.typical_shape)}" if spec.typical_shape else ""
    return f"an array of {spec.dtype}: {sizes}{typical}" + (
        ", or an encoded image" if spec.encoded else ""
    )


def _values(column: Column) -> str:
    if column.private:
        return "private"
    if column.categories is not None:
        return _listed(column.categories)
    if column.typical_range is not None:
        low, high = column.typical_range
        return f"{low:g} to {high:g}"
    return ""


def _output(spec: OutputSpec | HeadSpec) -> str:
    match spec:
        case SingleLabelOutput(classes=classes):
            return f"one of {_listed(classes)}"
        case MultiLabelOutput(classes=classes, threshold=threshold):
            return f"any of {_listed(classes)} (above {threshold:g})"
        case RegressionOutput(targets=targets):
            return f"numbers: {_listed(targets)}"
        case MaskOutput(classes=classes):
            return f"a mask of {_listed(classes) or 'class indices'}"
        case PointsOutput(count=count):
            return f"{count} points in pixels"
        case SeveralOutput(heads=heads):
            return "; ".join(map(_output, heads))


def _listed(values: Sequence[object]) -> str:
    more = f" and {len(values) - _SHOWN} more" if len(values) > _SHOWN else ""
    return ", ".join(map(str, values[:_SHOWN])) + more
