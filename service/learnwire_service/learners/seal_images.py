"""Seals learners on images: fastai's validation pipeline, written down."""

import math
from pathlib import Path
from typing import Any

import numpy as np
from fastai.data.transforms import ToTensor
from fastai.imports import noop
from fastai.vision.augment import CropPad, RandomCrop, RandomResizedCrop, Resize
from fastai.vision.core import AddMaskCodes, PILBase, PILImage, PILImageBW, PointScaler
from numpy.typing import NDArray

from ..sealed import cropping
from ..sealed.images import ImagesRecipe, Mode
from ..signature.specs import PointsOutput, SeveralOutput
from .adapter import Adapter, BuiltInAdapter
from .batch_transforms import Prepared
from .loading import active, loader_of, readings, run, unknown
from .onnx_export import NETWORK_FILE, write_onnx
from .outputs import Answering
from .plain import check_plain_learner, function_of
from .plan import Unplanned
from .raw import as_numpy

_MODES: dict[type, Mode] = {PILImage: "RGB", PILImageBW: "L"}
_NO_PIXELS = np.zeros((0, 0, 3), np.uint8)
# What does nothing to the image itself.
_PASSING = (ToTensor, PointScaler, AddMaskCodes)
_ITEMS = 3


def seal_images(adapter: Adapter, directory: Path) -> ImagesRecipe:
    """Write down what becomes of an image, and the network into a directory.

    Raises:
        Unplanned: it does something that no recipe can tell.
        Exception: its network cannot be exported.
    """
    assert isinstance(adapter, BuiltInAdapter)  # noqa: S101 - see kinds.py
    learner = adapter.learner
    check_plain_learner(learner)
    if hasattr(learner.model, "reset"):
        raise Unplanned("its model has a state that is reset before each prediction")
    if (inputs := getattr(learner.dls, "n_inp", 1)) != 1:
        raise Unplanned(f"it takes {inputs} inputs")
    # Which transform comes first depends on the type of what is given.
    encoded, loader = (loader_of(learner.dls, item) for item in (b"", _NO_PIXELS))
    mode = _mode(encoded)
    if _mode(loader) != mode:
        raise Unplanned("it opens pixels otherwise than files")
    _check_points(adapter, loader)
    recipe = ImagesRecipe(mode=mode, steps=_steps(loader), network=NETWORK_FILE)
    pixels = _checked_pixels(adapter, recipe, encoded, loader)
    sides = pixels.shape[2:] if recipe.steps else None
    learner.model.eval()
    network = Prepared(active(loader.after_batch), Answering(learner), sides)
    write_onnx(
        network,
        [np.concatenate([pixels] * _ITEMS)],
        directory / NETWORK_FILE,
        varying=[()] if sides else [(2, 3)],
    )
    return recipe.model_copy(update={"resized": network.resized})


def _mode(loader: Any) -> Mode:
    """Tell what the one transform that opens an image brings its pixels to."""
    [pipeline] = readings(loader.dataset)
    opening = [step for step in active(pipeline) if function_of(step) is not noop]
    if not opening:
        raise Unplanned("it has no transform that opens an image")
    for step in opening:
        opens = function_of(step)
        # Of a loaded learner it is another function, which does the same.
        code = getattr(getattr(opens, "__func__", None), "__code__", None)
        is_own = code != PILBase.create.__func__.__code__
        if is_own or opens.__self__ not in _MODES or len(opening) > 1:
            raise unknown(step)
    return _MODES[function_of(opening[0]).__self__]


def _steps(loader: Any) -> tuple[cropping.Step, ...]:
    return tuple(made for step in active(loader.after_item) for made in _step(step))


def _step(step: Any) -> tuple[cropping.Step, ...]:
    """Write a transform down as it is for validation."""
    if "before_call" in vars(step):
        raise unknown(step)
    match step:
        case Resize() if type(step) is Resize:
            return (_resize(step.size, step.method, step.pad_mode, step.mode),)
        case CropPad() if type(step) is CropPad:
            return (cropping.CropPad(size=tuple(step.size), padding=step.pad_mode),)
        case RandomCrop() if type(step) is RandomCrop:
            return (cropping.CropPad(size=tuple(step.size), padding="zeros"),)
        case RandomResizedCrop() if type(step) is RandomResizedCrop:
            return _resized_crop(step)
        case _ if type(step) in _PASSING or function_of(step) is noop:
            return ()
        case _:
            raise unknown(step)


def _resize(size: Any, method: str, padding: str, resample: Any) -> cropping.Resize:
    return cropping.Resize.model_validate(
        {"size": tuple(size), "method": method, "padding": padding, "resample": int(resample)}
    )


def _resized_crop(step: Any) -> tuple[cropping.Step, ...]:
    """Write down the validation form: squeezed to somewhat more, of which the middle is taken."""
    width, height = step.size
    more = math.ceil(max(width, height) * step.val_xtra / 8) * 8
    squeezed = _resize((width + more, height + more), "squish", "zeros", step.mode)
    if not more:
        return (squeezed,)
    return squeezed, cropping.CropPad(size=(width, height), padding="zeros")


def _check_points(adapter: Adapter, loader: Any) -> None:
    """Check that points are told as fastai's own scaler does."""
    output = adapter.signature.output
    heads = output.heads if isinstance(output, SeveralOutput) else ()
    if any(isinstance(head, PointsOutput) for head in heads):
        raise Unplanned("points are one of several outputs")
    if isinstance(output, PointsOutput):
        scalers = [step for step in active(loader.after_item) if isinstance(step, PointScaler)]
        if [type(step) for step in scalers] != [PointScaler]:
            raise Unplanned("its points are not scaled by fastai's PointScaler")


def _checked_pixels(
    adapter: BuiltInAdapter, recipe: ImagesRecipe, encoded: Any, loader: Any
) -> NDArray[np.uint8]:
    """Give the pixels that the loader makes of one image, if the recipe makes the same of all."""
    openings = [run(readings(one.dataset)[0]) for one in (loader, encoded)]
    first: Any = None
    for item in (*adapter.examples(), *adapter.probes()):
        given = adapter.encode(item)
        [made, *_] = run(loader.after_item)((openings[isinstance(given, bytes)](given),))
        pixels = as_numpy(made)
        if pixels.dtype != np.uint8 or not np.array_equal(pixels, recipe.pixels(item)):
            raise Unplanned("its transforms make other pixels than a recipe tells")
        first = pixels if first is None else first
    assert isinstance(first, np.ndarray)  # noqa: S101 - there are examples
    return first[None]
