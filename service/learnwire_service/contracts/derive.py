"""Derives the contract of a version from the lock and the version's signature."""

from ..signature.specs import ArrayInput, ArraysInput, CellType, InputSpec, Signature, TabularInput
from . import comments
from .answers import add_response
from .building import FileBuilder, MessageBuilder
from .code import file_options
from .contract import Contract, Field, field_of
from .lock import Lock, LockedArrays, LockedRow, Major
from .locked_input import arrays_of
from .names import pascal

_CELLS = {
    CellType.STRING: "string",
    CellType.INTEGER: "int64",
    CellType.FLOAT: "double",
    CellType.BOOL: "bool",
    CellType.TIMESTAMP: "google.protobuf.Timestamp",
}


def derive(lock: Lock, version: str, signature: Signature) -> Contract:
    """Give the contract as a version of the model speaks it.

    That of the newest version of a contract is the one to publish. Another's has the fields of
    its own columns, under the same numbers.

    Args:
        lock: the model's, which knows the version.
        version: the version.
        signature: what it takes and answers.
    """
    signature = signature.public
    major = lock.major_of(version)
    package = f"learnwire.models.{lock.package}.v{major.number}"
    name = f"{package.replace('.', '/')}/{lock.package}_service.proto"
    options = file_options(lock.package, major.number)
    builder = FileBuilder(name, package, options, comments.file(lock.model, major.number))
    service = f"{pascal(lock.package)}Service"
    _add_service(builder, service, lock.model)
    inputs = _add_request(builder, major, version, signature.input)
    heads = add_response(builder, major, signature)
    _add_many(builder)
    _add_stream(builder)
    return Contract(
        model=lock.model,
        major=major.number,
        service=f"{package}.{service}",
        file=builder.done(),
        inputs=inputs,
        heads=heads,
    )


def _add_service(builder: FileBuilder, name: str, model: str) -> None:
    service = builder.service(name, model, comments.service(model))
    service.add("Predict", comments.PREDICT, streams_in=False, streams_out=False)
    service.add("PredictMany", comments.PREDICT_MANY, streams_in=False, streams_out=True)
    service.add("PredictStream", comments.PREDICT_STREAM, streams_in=True, streams_out=True)


def _add_request(
    builder: FileBuilder, major: Major, version: str, spec: InputSpec
) -> tuple[Field, ...]:
    request = builder.message("PredictRequest", comments.request(spec))
    match major.input, spec:
        case LockedRow() as row, TabularInput():
            return _add_columns(request, row, major.retired(version), spec)
        case LockedArrays(arrays=arrays), ArrayInput() | ArraysInput():
            for locked, array in zip(arrays, arrays_of(spec), strict=True):
                request.add_named(f"learnwire.v1.{locked.message}", locked, comments.array(array))
            return tuple(map(field_of, arrays))
        case _:
            request.tell_presence(request.add("string", "text", 1, comments.TEXT))
            return (Field("text", "text", 1),)


def _add_columns(
    request: MessageBuilder, row: LockedRow, retired: frozenset[int], spec: TabularInput
) -> tuple[Field, ...]:
    specs = {column.name: column for column in spec.columns}
    columns = [column for column in row.columns if column.original in specs]
    for column in columns:
        comment = comments.column(specs[column.original])
        request.add_optional(_CELLS[column.type], column, comment)
    gone = [column for column in row.columns if column.number in retired]
    request.reserve(gone, comments.retired([column.original for column in gone]))
    return tuple(map(field_of, columns))


def _add_many(builder: FileBuilder) -> None:
    request = builder.message("PredictManyRequest", "Many items.")
    request.add_repeated("PredictRequest", "requests", 1, "The items in input order.")
    chunk = builder.message("PredictManyResponse", "The answers to a run of consecutive items.")
    chunk.add("int64", "first_index", 1, "The index of the first of them in the request, from 0.")
    chunk.add_repeated("PredictResult", "results", 2, "A result for each, in input order.")
    result = builder.message("PredictResult", "What became of one item.")
    result.add_result(1)


def _add_stream(builder: FileBuilder) -> None:
    request = builder.message("PredictStreamRequest", "One item of a stream.")
    request.add("string", "id", 1, comments.ID)
    request.add("PredictRequest", "request", 2, "The item.")
    response = builder.message("PredictStreamResponse", "The answer to one item of a stream.")
    response.add("string", "id", 1, "The id that the item came with.")
    response.add_result(2)
