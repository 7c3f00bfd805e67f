"""Modules to disk and back: weights alone, or a pickle of the whole."""

import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_model, save_model
from torch import Tensor, nn

from ..common.errors import NotServable, UnloadableModel
from ..common.naming import import_named
from ..learners.torchvision_operators import cured

WEIGHTS_FILE = "weights.safetensors"
PICKLE_FILE = "module.pkl"


def check_module(module: Any) -> None:
    """Check that an object is a module that can be saved.

    Raises:
        NotServable: it is not; the message says what to do.
    """
    if isinstance(module, torch.jit.ScriptModule):
        raise NotServable("this is TorchScript; save the module that it was made of")
    if not isinstance(module, nn.Module):
        raise NotServable(f"expected a torch.nn.Module, got {type(module).__name__}")


def write(module: nn.Module, factory: str | None, directory: Path) -> None:
    """Write the weights of a module, or where nothing makes it, the module; it stays as it was.

    Raises:
        NotServable: it cannot be written.
    """
    try:
        if factory is None:
            torch.save(module, directory / PICKLE_FILE, pickle_module=cloudpickle)
        else:
            save_model(module, str(directory / WEIGHTS_FILE))
    except (pickle.PicklingError, TypeError, AttributeError, ValueError, RuntimeError) as error:
        way_out = (
            "give a factory that makes it, so that only its weights are kept"
            if factory is None
            else "its state must be tensors only"
        )
        raise NotServable(f"the module cannot be saved ({error}); {way_out}") from error


def read(factory: str | None, directory: Path) -> nn.Module:
    """Read a module for prediction, on the CPU; where a factory makes it, nothing is unpickled.

    Raises:
        UnloadableModel: something that it needs is not in this environment, or it does not fit.
    """
    module = _unpickled(directory) if factory is None else _made(factory, directory)
    return module.eval()


def _unpickled(directory: Path) -> nn.Module:
    path = directory / PICKLE_FILE
    load = partial(torch.load, path, map_location="cpu", weights_only=False, mmap=True)
    try:
        module = cured(load)
    except (ImportError, AttributeError, RuntimeError) as error:
        raise UnloadableModel(str(error)) from error
    if not isinstance(module, nn.Module):
        raise UnloadableModel(f"its pickle holds a {type(module).__name__}, and no torch.nn.Module")
    return module


def _made(factory: str, directory: Path) -> nn.Module:
    make = cured(partial(import_named, factory, "factory"))
    try:
        module = make()
    except Exception as error:
        raise UnloadableModel(f'the factory "{factory}" failed: {error!r}') from error
    if not isinstance(module, nn.Module):
        raise UnloadableModel(
            f'the factory "{factory}" makes a {type(module).__name__}, not a torch.nn.Module'
        )
    try:
        load_model(module, directory / WEIGHTS_FILE, strict=True)
    except (RuntimeError, SafetensorError) as error:
        raise UnloadableModel(
            f'the module that "{factory}" makes does not fit the weights: {error}'
        ) from error
    return module.cpu()


def outputs_of(given: Any) -> tuple[Tensor, ...]:
    """Give the tensors that a method gave, be it one or a tuple.

    Raises:
        TypeError: it gave anything else.
    """
    outputs = tuple(given) if isinstance(given, tuple | list) else (given,)
    for one in outputs:
        if not isinstance(one, Tensor):
            raise TypeError(
                f"expected a tensor or a tuple of tensors as its answer, got {type(one).__name__}"
            )
    return outputs


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Put a module in eval mode inside, and leave it as it was afterwards.

    What its methods bind to it meanwhile, such as a hidden state, is forgotten.
    """
    before = [
        (part, dict(vars(part)), dict(part._parameters), dict(part._buffers))
        for part in module.modules()
    ]
    try:
        module.eval()
        with torch.inference_mode():
            yield
    finally:
        for part, attributes, parameters, buffers in before:
            vars(part).clear()
            vars(part).update(attributes)
            part._parameters.clear()
            part._parameters.update(parameters)
            part._buffers.clear()
            part._buffers.update(buffers)


def device_of(module: nn.Module) -> torch.device:
    """Tell where a module is: where its first parameter or buffer is."""
    first = next(iter([*module.parameters(), *module.buffers()]), None)
    return torch.device("cpu") if first is None else first.device


def to_array(tensor: Tensor) -> NDArray[Any]:
    """Give what a tensor on the CPU holds; what has fewer bits than float32 becomes that."""
    if tensor.dtype in (torch.float16, torch.bfloat16):
        tensor = tensor.float()
    return np.asarray(tensor.as_subclass(Tensor).numpy())
