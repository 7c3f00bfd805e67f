"""Models in the words of the protocol: metadata, configuration, statistics."""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from ...common.bounds import Bounds
from ...observe.distribution import Distribution
from ...queue.statistics import Fate, Tally
from ...runners.learner import LearnerRunner
from ...signature.specs import (
    ArrayInput,
    ArraysInput,
    HeadSpec,
    InputSpec,
    OutputSpec,
    RegressionOutput,
    SeveralOutput,
    TabularInput,
)
from .inputs import TEXT, array_names
from .messages import SERVICE, pb
from .outputs import outputs_of
from .table import DATATYPES
from .tensors import BYTES, datatype_of

# In names as Triton has them, `backend_format`.
_BACKEND = "learnwire"
_ANY_SIZE = -1
_TYPES = SERVICE.file.enum_types_by_name["DataType"].values_by_name


class _Input(NamedTuple):
    name: str
    datatype: str
    shape: tuple[int, ...] = ()
    optional: bool = False


def metadata(runner: LearnerRunner, versions: Sequence[LearnerRunner]) -> pb.ModelMetadataResponse:
    """Describe the tensors of a version; `versions` are all the served ones, newest first."""
    signature, tensor = runner.manifest.signature.public, pb.ModelMetadataResponse.TensorMetadata
    return pb.ModelMetadataResponse(
        name=runner.manifest.name,
        versions=[one.manifest.version for one in versions],
        platform=_platform(runner),
        inputs=[
            tensor(name=one.name, datatype=one.datatype, shape=(_ANY_SIZE, *one.shape))
            for one in _inputs(signature.input)
        ],
        outputs=[
            tensor(name=one.name, datatype=one.datatype, shape=(_ANY_SIZE, *one.shape))
            for one in outputs_of(signature.output).values()
        ],
    )


def config(runner: LearnerRunner, bounds: Bounds) -> pb.ModelConfig:
    """Describe a version as Triton does its models."""
    signature = runner.manifest.signature.public
    facts = {"version": runner.manifest.version, **_facts(signature.output)}
    return pb.ModelConfig(
        name=runner.manifest.name,
        platform=_platform(runner),
        backend=_BACKEND,
        max_batch_size=min(bounds.max_items, 2**31 - 1),
        input=[
            pb.ModelInput(
                name=one.name,
                data_type=_data_type(one.datatype),
                dims=one.shape,
                optional=one.optional,
            )
            for one in _inputs(signature.input)
        ],
        output=[
            pb.ModelOutput(name=one.name, data_type=_data_type(one.datatype), dims=one.shape)
            for one in outputs_of(signature.output).values()
        ],
        dynamic_batching=pb.ModelDynamicBatching(),
        parameters={name: pb.ModelParameter(string_value=fact) for name, fact in facts.items()},
        model_transaction_policy=pb.ModelTransactionPolicy(decoupled=False),
    )


def statistics(runner: LearnerRunner, calls: Distribution) -> pb.ModelStatistics:
    """Tell what became of a version's items; `calls` is how long its calls took."""
    tally = runner.statistics.read()
    return pb.ModelStatistics(
        name=runner.manifest.name,
        version=runner.manifest.version,
        inference_count=tally.items[Fate.PREDICTED],
        execution_count=tally.batch_items.count,
        inference_stats=pb.InferStatistics(
            success=_duration(tally.items[Fate.PREDICTED], calls.sum),
            fail=_duration(_failed(tally), 0.0),
            queue=_duration(tally.queue_wait.count, tally.queue_wait.sum),
            compute_infer=_duration(tally.compute.count, tally.compute.sum),
        ),
    )


def _failed(tally: Tally) -> int:
    return sum(count for fate, count in tally.items.items() if fate is not Fate.PREDICTED)


def _duration(count: int, seconds: float) -> pb.StatisticDuration:
    return pb.StatisticDuration(count=count, ns=int(seconds * 1e9))


def _platform(runner: LearnerRunner) -> str:
    return f"{_BACKEND}_{'onnx' if runner.manifest.is_sealed else 'torch'}"


def _inputs(spec: InputSpec) -> list[_Input]:
    match spec:
        case TabularInput(columns=columns):
            return [_Input(one.name, DATATYPES[one.type], (), one.nullable) for one in columns]
        case ArrayInput() | ArraysInput():
            arrays = array_names(spec).items()
            return [_Input(name, datatype_of(one.numpy_dtype), one.shape) for name, one in arrays]
        case _:
            return [_Input(TEXT, BYTES)]


def _facts(output: OutputSpec) -> dict[str, str]:
    """Give the names behind the numbers of answers."""
    if not isinstance(output, SeveralOutput):
        return _names_of(output, "")
    heads = enumerate(output.heads, 1)
    return {
        name: fact for i, head in heads for name, fact in _names_of(head, f"output_{i}.").items()
    }


def _names_of(head: HeadSpec, prefix: str) -> dict[str, str]:
    what = "targets" if isinstance(head, RegressionOutput) else "classes"
    names = getattr(head, what, None)
    return {f"{prefix}{what}": json.dumps(names, ensure_ascii=False)} if names else {}


def _data_type(datatype: str) -> Any:
    name = "STRING" if datatype == BYTES else datatype
    return _TYPES[f"TYPE_{name}"].number
