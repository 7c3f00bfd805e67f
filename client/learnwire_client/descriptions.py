"""Descriptions and statistics of models and endpoints from the wire."""

from datetime import UTC, datetime

from google.protobuf import json_format
from google.protobuf.struct_pb2 import Value
from google.protobuf.timestamp_pb2 import Timestamp
from learnwire.v1 import endpoint_service_pb2 as endpoint_pb
from learnwire.v1 import model_service_pb2 as pb

from .arrays import dtype_of
from .endpoint import Descriptor, Endpoint, EndpointStatistics
from .model import Column, Input, Model, ModelSummary, Output, Plan, Provenance, Version
from .rows import Cell, decode_cell
from .statistics import Bucket, Distribution, MemoryLimit, ModelStatistics, ServerStatistics

_REFUSED = {
    pb.MEMORY_STAGE_STREAMS_REFUSED: "streams",
    pb.MEMORY_STAGE_CALLS_REFUSED: "calls",
}

_TYPES = {
    pb.COLUMN_TYPE_STRING: "string",
    pb.COLUMN_TYPE_INTEGER: "integer",
    pb.COLUMN_TYPE_FLOAT: "float",
    pb.COLUMN_TYPE_BOOL: "bool",
    pb.COLUMN_TYPE_TIMESTAMP: "timestamp",
}


def decode_model(message: pb.Model) -> Model:
    """Decode a description; kinds that this client does not know are left empty.

    Raises:
        FieldError: a category or an example is no cell.
    """
    return Model(
        name=message.name,
        version=message.version,
        versions=tuple(map(_version, message.versions)),
        input=_input(message),
        output=_output(message),
        provenance=_provenance(message.provenance),
        plan=_plan(message.plan) if message.HasField("plan") else None,
        message=message,
    )


def decode_summary(message: pb.ModelSummary) -> ModelSummary:
    """Decode a description in short."""
    versions = tuple(map(_version, message.versions))
    return ModelSummary(message.name, message.version, versions, message)


def decode_statistics(message: pb.ModelStatistics) -> ModelStatistics:
    """Decode the statistics of a model."""
    return ModelStatistics(
        model=message.model,
        version=message.version,
        since=_time(message.since) if message.HasField("since") else None,
        predicted=message.predicted,
        failed=message.failed,
        invalid=message.invalid,
        refused=message.refused,
        expired=message.expired,
        cancelled=message.cancelled,
        waiting=message.waiting,
        queue_wait_seconds=_distribution(message.queue_wait_seconds),
        batch_items=_distribution(message.batch_items),
        compute_seconds=_distribution(message.compute_seconds),
        call_seconds=_distribution(message.call_seconds),
        message=message,
    )


def decode_server_statistics(message: pb.ServerStatistics) -> ServerStatistics:
    """Decode the statistics of a server."""
    return ServerStatistics(
        read_time=_time(message.read_time),
        processes=message.processes,
        memory_bytes=message.memory_bytes,
        models=tuple(map(decode_statistics, message.models)),
        memory_limit=_memory_limit(message),
    )


def _memory_limit(message: pb.ServerStatistics) -> MemoryLimit | None:
    if not message.HasField("memory_limit"):
        return None
    limit = message.memory_limit
    return MemoryLimit(limit.limit_bytes, limit.held_bytes, _REFUSED.get(limit.stage, ""))


def decode_endpoint(message: endpoint_pb.Endpoint) -> Endpoint:
    """Decode a description; kinds that this client does not know are left empty."""
    return Endpoint(
        name=message.name,
        service=message.service,
        description=message.description,
        inputs={one.name: _descriptor(one.io) for one in message.inputs},
        optional=frozenset(one.name for one in message.inputs if one.optional),
        output=_descriptor(message.output),
        streaming=message.streaming,
        message=message,
    )


def decode_endpoint_statistics(message: endpoint_pb.EndpointStatistics) -> EndpointStatistics:
    """Decode the statistics of an endpoint."""
    return EndpointStatistics(
        endpoint=message.endpoint,
        since=_time(message.since) if message.HasField("since") else None,
        answered=message.answered,
        failed=message.failed,
        invalid=message.invalid,
        refused=message.refused,
        expired=message.expired,
        cancelled=message.cancelled,
        in_flight=message.in_flight,
        seconds=_distribution(message.seconds),
        message=message,
    )


def _descriptor(message: endpoint_pb.IoDescriptor) -> Descriptor:
    match message.WhichOneof("kind"):
        case "text":
            return Descriptor("text", max_chars=message.text.max_chars)
        case "row":
            return Descriptor("row", columns=tuple(map(_typed, message.row.columns)))
        case "table":
            return Descriptor("table", columns=tuple(map(_typed, message.table.columns)))
        case "array":
            array = message.array
            return Descriptor(
                "array",
                shape=tuple(array.shape.dimensions) if array.HasField("shape") else None,
                dtype=dtype_of(array.data_type),
                enforce_shape=array.enforce_shape,
                enforce_dtype=array.enforce_data_type,
            )
        case "prediction" | "flag" as kind:
            return Descriptor(kind)
        case "number":
            number = message.number
            return Descriptor(
                "number",
                integral=number.integral,
                minimum=number.minimum if number.HasField("minimum") else None,
                maximum=number.maximum if number.HasField("maximum") else None,
            )
        case "image":
            return Descriptor("image", mode=message.image.mode)
        case _:
            return Descriptor()


def _typed(message: endpoint_pb.ColumnDescriptor) -> Column:
    return Column(message.name, _TYPES.get(message.type, ""), nullable=message.nullable)


def _input(message: pb.Model) -> Input:
    match message.WhichOneof("input"):
        case "text":
            return Input("text", max_chars=message.text.max_chars)
        case "tabular":
            columns = tuple(map(_column, message.tabular.columns))
            return Input("tabular", columns=columns, takes_indices=message.tabular.takes_indices)
        case "array":
            return _array(message.array)
        case "several_arrays":
            arrays = tuple(map(_array, message.several_arrays.arrays))
            return Input("several_arrays", arrays=arrays)
        case _:
            return Input()


def _array(message: pb.ArrayInput) -> Input:
    return Input(
        "array",
        shape=tuple(message.shape),
        dtype=dtype_of(message.data_type),
        axes=tuple(message.axes),
        typical_shape=tuple(message.typical_shape),
        encoded=message.encoded,
    )


def _output(message: pb.Model | pb.Output) -> Output:
    if isinstance(message, pb.Model) and message.HasField("several"):
        return Output("several", heads=tuple(map(_output, message.several.outputs)))
    match message.WhichOneof("output"):
        case "single_label":
            labels = message.single_label
            return Output("single_label", tuple(labels.classes), private=labels.private)
        case "multi_label":
            several = message.multi_label
            return Output("multi_label", tuple(several.classes), several.threshold)
        case "regression":
            return Output("regression", targets=tuple(message.regression.targets))
        case "arrays":
            arrays = message.arrays
            return Output("arrays", tuple(arrays.classes), arrays=tuple(arrays.names))
        case _:
            return Output()


def _column(message: pb.ColumnSpec) -> Column:
    return Column(
        name=message.name,
        type=_TYPES.get(message.type, ""),
        categories=tuple(_cell(message, category) for category in message.categories),
        refuses_unknown=message.unknown_categories == pb.UNKNOWN_CATEGORIES_REFUSE,
        nullable=message.nullable,
        typical_min=message.typical_min if message.HasField("typical_min") else None,
        typical_max=message.typical_max if message.HasField("typical_max") else None,
        example=None if message.private else _cell(message, message.example),
        private=message.private,
    )


def _cell(column: pb.ColumnSpec, value: Value) -> Cell:
    cell = decode_cell(column.name, value)
    # All numbers travel as doubles.
    if column.type == pb.COLUMN_TYPE_INTEGER and isinstance(cell, float):
        return int(cell)
    return cell


def _version(message: pb.ModelVersion) -> Version:
    ready = message.state == pb.MODEL_STATE_READY
    return Version(message.version, _created(message), ready)


def _provenance(message: pb.Provenance) -> Provenance:
    return Provenance(
        created=_created(message),
        library_versions=dict(message.library_versions),
        labels=dict(message.labels),
        metadata=json_format.MessageToDict(message.metadata),
        verified=message.verified,
    )


def _plan(message: pb.Plan) -> Plan:
    return Plan(
        message.name,
        tuple(message.reasons),
        message.backend,
        message.bit_identical if message.HasField("bit_identical") else None,
        message.bit_difference,
    )


def _distribution(message: pb.Distribution) -> Distribution:
    return Distribution(
        count=message.count,
        sum=message.sum,
        p50=message.p50,
        p90=message.p90,
        p99=message.p99,
        buckets=tuple(Bucket(bucket.upper_bound, bucket.count) for bucket in message.buckets),
    )


def _created(message: pb.ModelVersion | pb.Provenance) -> datetime | None:
    return _time(message.create_time) if message.HasField("create_time") else None


def _time(message: Timestamp) -> datetime:
    return message.ToDatetime(tzinfo=UTC)
