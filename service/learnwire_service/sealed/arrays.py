"""Arrays as a network takes them."""

import math
from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
from learnwire_client.errors import Violation
from numpy.typing import NDArray
from pydantic import Field

from ..common.errors import InvalidInput
from ..signature.answers import Outcomes
from ..signature.specs import ArrayInput, ArraysInput, Signature
from ..signature.validation import Item
from .answering import decode_batch
from .network import LARGEST, Network
from .part import FileName, Part
from .shaped import Encoded, ShapedPlan, size_of

_ARRAYS = 1_000

Dtype: TypeAlias = Literal[
    "float64", "float32", "float16", "int64", "int32", "int16", "int8", "uint8", "bool"
]


class ArraysRecipe(Part):
    """How one or several arrays become the inputs of a network.

    Attributes:
        dtypes: the type of each as the network takes it.
        network: takes them with the items along the first axis of each.
    """

    kind: Literal["arrays"] = "arrays"
    dtypes: tuple[Dtype, ...] = Field(min_length=1, max_length=_ARRAYS)
    network: FileName


class ArraysPlan(ShapedPlan):
    """Checks arrays, and gives them to the network as they are.

    Args:
        signature: what the model takes, arrays, and answers.
        recipe: has as many arrays.
        network: the recipe's.

    Raises:
        ValueError: the recipe does not fit the signature.
    """

    name = "arrays"

    def __init__(self, signature: Signature, recipe: ArraysRecipe, network: Network) -> None:
        self.signature = signature
        specs = _specs(signature)
        if not len(specs) == len(recipe.dtypes) == len(network.inputs):
            raise ValueError(
                f"the model takes {len(specs)} arrays, its recipe {len(recipe.dtypes)} and its "
                f"network {len(network.inputs)}"
            )
        self._dtypes = [np.dtype(name) for name in recipe.dtypes]
        self._network = network
        self._paths = [f"arrays.arrays[{i}]" for i in range(len(specs))]
        if isinstance(signature.input, ArrayInput):
            self._paths = ["array"]
        self._usual_size = sum(math.prod(spec.typical_shape or ()) for spec in specs)

    def encode(self, item: Item) -> Encoded:
        """See Plan.encode."""
        given = item if isinstance(item, tuple) else (item,)
        parts = zip(given, self._dtypes, self._paths, strict=True)
        return tuple(_checked(np.asarray(array, dtype), path) for array, dtype, path in parts)

    def input_size(self, encoded: Encoded) -> int:
        """See Plan.input_size."""
        size = size_of(encoded)
        return size if size > self._usual_size else 0

    def _answers(self, inputs: Sequence[NDArray[Any]]) -> Outcomes:
        return decode_batch(self.signature.output, self._network(*inputs))


def _specs(signature: Signature) -> tuple[ArrayInput, ...]:
    match signature.input:
        case ArraysInput(arrays=specs):
            return specs
        case ArrayInput() as spec:
            return (spec,)
        case _:
            raise ValueError(f"the model takes a {signature.input.kind}, and its recipe arrays")


def _checked(array: NDArray[Any], path: str) -> NDArray[Any]:
    """Refuse numbers that are none, or so large that a network may overflow.

    Raises:
        InvalidInput: it has one.
    """
    if array.dtype.kind == "f" and not (np.abs(array) <= LARGEST).all():
        problem = f"expected numbers from {-LARGEST:g} to {LARGEST:g}, got a larger one or NaN"
        raise InvalidInput([Violation(f"{path}.data", problem)])
    return array
