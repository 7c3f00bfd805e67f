"""Manifests to the messages that describe a model."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from google.protobuf import struct_pb2, timestamp_pb2
from learnwire.v1 import model_service_pb2
from learnwire_client.arrays import data_type_of

from ..runners.learner import LearnerRunner
from ..signature.specs import (
    ArrayInput,
    ArraysInput,
    CellType,
    Column,
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
from ..store.manifest import UNTOLD, Manifest

if TYPE_CHECKING:
    from ..sealed.plan import Choice

COLUMN_TYPES = {
    CellType.STRING: model_service_pb2.COLUMN_TYPE_STRING,
    CellType.INTEGER: model_service_pb2.COLUMN_TYPE_INTEGER,
    CellType.FLOAT: model_service_pb2.COLUMN_TYPE_FLOAT,
    CellType.BOOL: model_service_pb2.COLUMN_TYPE_BOOL,
    CellType.TIMESTAMP: model_service_pb2.COLUMN_TYPE_TIMESTAMP,
}
_UNKNOWN_CATEGORIES = {
    "warn": model_service_pb2.UNKNOWN_CATEGORIES_WARN,
    "refuse": model_service_pb2.UNKNOWN_CATEGORIES_REFUSE,
}

_PATH = re.compile(r"(?<![\w.])/(?:[\w.+@-]+/)+[\w.+@-]*")


def summary(
    default: LearnerRunner, versions: Sequence[LearnerRunner]
) -> model_service_pb2.ModelSummary:
    """Describe a model in short; `versions` are the served ones, newest first."""
    return model_service_pb2.ModelSummary(
        name=default.manifest.name,
        version=default.manifest.version if default.is_ready else "",
        versions=map(_version, versions),
    )


def model(
    runner: LearnerRunner, versions: Sequence[LearnerRunner], *, max_text_chars: int
) -> model_service_pb2.Model:
    """Describe a version in full; `versions` are all the served ones, newest first."""
    manifest = runner.manifest.public
    message = model_service_pb2.Model(
        name=manifest.name,
        version=manifest.version,
        versions=map(_version, versions),
        provenance=_provenance(manifest),
        plan=_plan(runner.choice, manifest) if runner.choice else None,
    )
    _set_input(message, manifest, max_text_chars)
    _set_output(message, manifest.signature.output)
    return message


def _set_input(message: model_service_pb2.Model, manifest: Manifest, max_text_chars: int) -> None:
    match manifest.signature.input:
        case TextInput():
            message.text.max_chars = max_text_chars
        case TabularInput() as spec:
            unknown = _UNKNOWN_CATEGORIES[spec.unknown_categories]
            message.tabular.columns.extend(_column(c, unknown) for c in spec.columns)
            message.tabular.takes_indices = True
        case ArrayInput() as spec:
            message.array.CopyFrom(_array(spec))
        case ArraysInput(arrays=arrays):
            message.several_arrays.arrays.extend(map(_array, arrays))


def _set_output(
    message: model_service_pb2.Model | model_service_pb2.Output, output: OutputSpec
) -> None:
    match output:
        case SingleLabelOutput(classes=classes, private=private):
            message.single_label.classes.extend(classes)
            message.single_label.private = private
        case MultiLabelOutput(classes=classes, threshold=threshold):
            message.multi_label.classes.extend(classes)
            message.multi_label.threshold = threshold
        case RegressionOutput(targets=targets):
            message.regression.targets.extend(targets)
        case MaskOutput(classes=classes):
            message.arrays.names.extend(["mask", "probabilities"])
            message.arrays.classes.extend(classes)
        case PointsOutput():
            message.arrays.names.extend(["points", "decoded", "raw"])
        case SeveralOutput(heads=heads):
            assert isinstance(message, model_service_pb2.Model)  # noqa: S101 - heads have none
            for head in heads:
                _set_output(message.several.outputs.add(), head)


def _array(spec: ArrayInput) -> model_service_pb2.ArrayInput:
    return model_service_pb2.ArrayInput(
        shape=spec.shape,
        data_type=data_type_of(spec.numpy_dtype),
        axes=spec.axes,
        typical_shape=spec.typical_shape or (),
        encoded=spec.encoded,
    )


def _column(
    column: Column, unknown: "model_service_pb2.UnknownCategories.ValueType"
) -> model_service_pb2.ColumnSpec:
    low, high = column.typical_range or (None, None)
    return model_service_pb2.ColumnSpec(
        name=column.name,
        type=COLUMN_TYPES[column.type],
        categories=map(cell_value, column.categories or ()),
        nullable=column.nullable,
        unknown_categories=(
            model_service_pb2.UNKNOWN_CATEGORIES_UNSPECIFIED
            if column.categories is None
            else unknown
        ),
        typical_min=low,
        typical_max=high,
        example=None if column.private else cell_value(column.example),
        private=column.private,
    )


def cell_value(cell: str | bool | int | float | None) -> struct_pb2.Value:
    """Give a cell's message."""
    if cell is None:
        return struct_pb2.Value(null_value=struct_pb2.NULL_VALUE)
    if isinstance(cell, bool):
        return struct_pb2.Value(bool_value=cell)
    if isinstance(cell, str):
        return struct_pb2.Value(string_value=cell)
    return struct_pb2.Value(number_value=cell)


def _version(runner: LearnerRunner) -> model_service_pb2.ModelVersion:
    ready, loading = model_service_pb2.MODEL_STATE_READY, model_service_pb2.MODEL_STATE_LOADING
    return model_service_pb2.ModelVersion(
        version=runner.manifest.version,
        create_time=timestamp(runner.manifest.created),
        state=ready if runner.is_ready else loading,
    )


def _provenance(manifest: Manifest) -> model_service_pb2.Provenance:
    message = model_service_pb2.Provenance(
        create_time=timestamp(manifest.created),
        library_versions=manifest.library_versions,
        labels=manifest.labels,
        verified=manifest.verified,
    )
    message.metadata.update(manifest.metadata)
    return message


def _plan(choice: "Choice", manifest: Manifest) -> model_service_pb2.Plan:
    plan = choice.plan
    # What a learner raised may name files of this machine, which are no caller's business.
    reasons = [without_paths(reason) for reason in choice.reasons]
    if reasons and manifest.signature.is_private:
        reasons = [UNTOLD]
    return model_service_pb2.Plan(
        name=plan.name,
        reasons=reasons,
        backend="onnx" if manifest.is_sealed else "torch",
        bit_identical=None if choice.varies is None else not choice.varies,
        bit_difference=choice.varies or "",
    )


def without_paths(text: str) -> str:
    """Leave the paths of this machine's files out of a text."""
    return _PATH.sub("(a file)", text)


def timestamp(time: datetime) -> timestamp_pb2.Timestamp:
    """Make the message of a time, which knows its zone."""
    message = timestamp_pb2.Timestamp()
    message.FromDatetime(time)
    return message
