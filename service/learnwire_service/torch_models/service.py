"""The service that a saved module becomes when it is served by its name."""

from typing import Any

from ..common.errors import NotServable
from ..runners.methods import RunnerMethod
from ..services.descriptors.arrays import NdArray
from ..services.endpoints.service import Service
from ..store.manifest import TorchArray
from .model import TorchModel


def service_of(model: TorchModel) -> Service:
    """Make a service of a module, with an endpoint for each method.

    They are called `<model>` for `__call__` and `<model>.<method>` for others; several arrays go
    in by the names of the method's parameters.

    Raises:
        NotServable: a method gives several arrays, or arrays that do not travel.
    """
    name = model.manifest.name
    runner = model.to_runner()
    service = Service(name, runners=[runner])
    for method, spec in model.manifest.methods.items():
        if len(spec.outputs) > 1:
            raise NotServable(
                f"{model.tag}: {method} gives {len(spec.outputs)} arrays, and an endpoint gives "
                "one; write a Service around its runner, with an endpoint for each"
            )
        try:
            takes = [_descriptor(one) for one in spec.inputs]
            gives = _descriptor(spec.outputs[0]) if spec.outputs else NdArray()
        except ValueError as error:
            raise NotServable(f"{model.tag}: {method}: {error}") from error
        inputs = {one.name: each for one, each in zip(spec.inputs, takes, strict=True)}
        add = service.api(
            input=takes[0] if len(takes) == 1 else inputs,
            output=gives,
            name=name if method == "__call__" else f"{name}.{method}",
        )
        called = getattr(runner, method)
        add(_endpoint(called, list(inputs), unpacks=spec.several))
    return service


def _endpoint(method: RunnerMethod, names: list[str], *, unpacks: bool) -> Any:
    async def call(*array: Any, **arrays: Any) -> Any:
        """Call the method of a torch module."""
        result = await method.async_run(*array, *(arrays[name] for name in names if arrays))
        return result[0] if unpacks else result

    return call


def _descriptor(spec: TorchArray) -> NdArray:
    """Describe an array; its shape only tells, for a module may take others."""
    return NdArray(dtype=spec.dtype, shape=spec.shape) if spec.dtype else NdArray()
