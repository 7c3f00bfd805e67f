"""Answers: what `learner.predict` returns, in numpy and str."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import compress, islice
from typing import Any, Generic, NamedTuple, Self, TypeAlias, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import CallError
from .page import Table, as_html

Label = TypeVar("Label")
Index = TypeVar("Index")

FloatArray = NDArray[np.float32]
Classes: TypeAlias = Callable[[], Sequence[str]]

_MOST_SHOWN = 6


class Signature(NamedTuple):
    """What an answer says of itself, as `Prediction` has it; the answers of a call share one.

    `classes` gives the names of the model's classes, or of its numbers, none where they are
    not known; it is called only when somebody asks for them.
    """

    model: str = ""
    version: str = ""
    warnings: tuple[str, ...] = ()
    classes: Classes = tuple


class _Answer(NamedTuple, Generic[Label, Index]):
    label: Label
    index: Index  # type: ignore[assignment]  # it hides tuple.index, as meant
    probabilities: FloatArray


class Ranked(NamedTuple):
    """A class, by its name or else its index, and how probable it is."""

    label: str | int
    probability: float


class Prediction(_Answer[Label, Index]):
    """One answer. It unpacks as `learner.predict`'s does.

    Usage: `label, index, probabilities = client.predict("penguins", row)`
    """

    _signature = Signature()

    @property
    def model(self) -> str:
        """The name of the model that answered."""
        return self._signature.model

    @property
    def version(self) -> str:
        """Its version, whole."""
        return self._signature.version

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the model's classes in their order; none where they are not known."""
        return tuple(self._signature.classes())

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the model did with the input that its sender may not expect, one sentence each."""
        return self._signature.warnings

    def signed(
        self,
        model: str,
        version: str,
        warnings: tuple[str, ...] = (),
        classes: Classes = tuple,
    ) -> Self:
        """Return this answer with a `Signature` of its own."""
        return self.signed_with(Signature(model, version, warnings, classes))

    def signed_with(self, signature: Signature) -> Self:
        """Return this answer, now saying who gave it and with which warnings."""
        self._signature = signature
        return self

    def top(self, k: int = 3) -> list[Ranked]:
        """Give the `k` most probable classes with their probabilities, the likeliest first.

        Usage: `for label, probability in client.predict("penguins", row).top(2): ...`

        The names come from the model's description, which a Client fetches once for
        each version when they are first asked for. An AsyncClient knows them once it
        has been asked for that version's `model`. Where they are not known, as in an
        answer that was pickled, the classes' indices stand in their place.

        Raises:
            CallError: the description cannot be fetched.
            TypeError: the answer is none of classes.
        """
        raise TypeError(f"expected an answer of classes, got {type(self).__name__}")

    def __repr__(self) -> str:
        facts = self._facts()
        if self.model:
            facts.append(f"model={f'{self.model}:{self.version}'!r}")
        if self.warnings:
            facts.append(f"warnings={self.warnings}")
        return f"{type(self).__name__}({', '.join(facts)})"

    def _repr_html_(self) -> str:
        return as_html(self._page())

    def _page(self) -> Iterator[str | Table]:
        """Give the page of this answer, for notebooks."""
        yield f"{self.model}:{self.version}" if self.model else type(self).__name__
        yield ", ".join(self._facts())
        yield from (f"warning: {warning}" for warning in self.warnings)

    def __getstate__(self) -> dict[str, Any]:
        # The names are found through a client, which cannot be pickled.
        return vars(self) | {"_signature": self._signature._replace(classes=tuple)}

    def _facts(self) -> list[str]:
        return [f"label={_short(self.label)}", f"probabilities={_short(self.probabilities)}"]


AnyPrediction = Prediction[Any, Any]


class _Classified(Prediction[Label, Index]):
    def top(self, k: int = 3) -> list[Ranked]:
        """See `Prediction.top`."""
        names, count = self._signature.classes(), len(self.probabilities)
        labels = names if len(names) == count else range(count)
        order = np.argsort(-self.probabilities, kind="stable")[:k]
        return [Ranked(labels[i], float(self.probabilities[i])) for i in order]

    def _page(self) -> Iterator[str | Table]:
        yield from super()._page()
        with suppress(CallError, ValueError):  # the client that knows the names was closed
            ranked = self.top(_MOST_SHOWN)
            rows = ((str(label), f"{probability:.4g}") for label, probability in ranked)
            yield Table([("class", "probability"), *rows])


class SingleLabel(_Classified[str, int]):
    """One class: `label`, `index` in the classes, `probabilities` (float32 [C])."""

    @classmethod
    def of(cls, label: str, probabilities: Mapping[str, float] | None = None) -> Self:
        """Make an answer by hand, as tests do.

        Usage: `SingleLabel.of("cat", {"cat": 0.9, "dog": 0.1})`

        Args:
            label: the class.
            probabilities: by class, in the order of the classes; None: it is the only one.

        Raises:
            ValueError: the class has no probability.
        """
        names, values = _by_class((label,), probabilities)
        return cls(label, names.index(label), values).signed("", "", classes=lambda: names)

    def _facts(self) -> list[str]:
        own = self.probabilities[self.index :][:1]
        return [f"label={self.label!r}", *(f"probability={p:.4g}" for p in own)]


class MultiLabel(_Classified[tuple[str, ...], NDArray[np.bool_]]):
    """Any number of classes: `label` names them, `index` is their mask [C], `probabilities` [C]."""

    @classmethod
    def of(cls, labels: Sequence[str], probabilities: Mapping[str, float] | None = None) -> Self:
        """Make an answer by hand; see `SingleLabel.of`.

        Usage: `MultiLabel.of(["cat"], {"cat": 0.9, "dog": 0.1})`
        """
        names, values = _by_class(tuple(labels), probabilities)
        mask = np.array([name in labels for name in names], np.bool_)
        label = tuple(compress(names, mask))
        return cls(label, mask, values).signed("", "", classes=lambda: names)

    def _facts(self) -> list[str]:
        own = [f"{p:.4g}" for p in compress(self.probabilities, self.index)]
        return [f"label={_listed(map(repr, self.label))}", f"probabilities={_listed(own)}"]


class Regression(Prediction[tuple[float, ...], FloatArray]):
    """Numbers: `label` is a tuple of them.

    It unpacks as `learner.predict`'s answer does: the second part and the third are the same
    numbers, float32 [T].
    """

    @property
    def classes(self) -> tuple[str, ...]:
        """None: these are numbers."""
        return ()

    @property
    def targets(self) -> tuple[str, ...]:
        """The names of the numbers; none where they are not known."""
        return tuple(self._signature.classes())

    @classmethod
    def of(cls, values: ArrayLike) -> Self:
        """Make the answer whose values, one or of shape [T], are `values`."""
        several = np.asarray(values, np.float32).reshape(-1)
        return cls(tuple(several.tolist()), several, several)

    def _facts(self) -> list[str]:
        return [f"label={_listed(f'{value:.6g}' for value in self.label)}"]


class Mask(Prediction[NDArray[np.int64], NDArray[np.int64]]):
    """A segmentation: `label` and `index` both the mask [H, W], `probabilities` [C, H, W]."""


class Points(Prediction[FloatArray, FloatArray]):
    """Points of an image: `label` in pixels [n, 2]; `index` and `probabilities` are scaled."""


class Several(Prediction[tuple[Any, ...], tuple[Any, ...]]):
    """Several outputs: `label`, `index` and `probabilities` are tuples with an entry for each.

    Attributes:
        heads: each output as a prediction of its own.
    """

    heads: tuple[AnyPrediction, ...] = ()

    @classmethod
    def of(cls, heads: Sequence[AnyPrediction]) -> Self:
        """Make the answer whose outputs are `heads`."""
        labels, indices, probabilities = zip(*heads, strict=True)
        # One array for each output, where all other answers have one in all.
        several = cls(labels, indices, probabilities)  # type: ignore[arg-type]
        several.heads = tuple(heads)
        return several

    def _facts(self) -> list[str]:
        return [f"heads={_listed(map(repr, self.heads))}"]

    def _page(self) -> Iterator[str | Table]:
        title, _, *warnings = super()._page()
        yield from (title, *warnings)
        for head in self.heads:
            yield from head._page()


class _Aligned(NamedTuple):
    labels: Any
    indices: Any
    probabilities: Any


class Predictions(_Aligned):
    """The answers to the rows of a frame, as aligned arrays.

    Usage: `labels, indices, probabilities = runner.predict.run(frame)`

    Of one label for each row `labels` are str [n], `indices` int64 [n] and `probabilities`
    float32 [n, C]; of several, tuples of str [n], bool [n, C] and float32 [n, C]; of numbers all
    three are float32 [n, T]. Several outputs are tuples with an entry for each.

    Attributes:
        rows: each row's prediction by itself, which also has its warnings.
    """

    rows: Sequence[AnyPrediction] = ()


def _by_class(
    labels: tuple[str, ...], probabilities: Mapping[str, float] | None
) -> tuple[tuple[str, ...], FloatArray]:
    if probabilities is None:
        probabilities = dict.fromkeys(labels, 1.0)
    if missing := [label for label in labels if label not in probabilities]:
        raise ValueError(f"probabilities: expected one of {missing[0]!r}, got {[*probabilities]}")
    return tuple(probabilities), np.array([*probabilities.values()], np.float32)


def _listed(texts: Iterable[str]) -> str:
    shown = list(islice(texts, _MOST_SHOWN + 1))
    if len(shown) > _MOST_SHOWN:
        shown[-1] = "..."
    return f"({', '.join(shown)}{',' if len(shown) == 1 else ''})"


def _short(value: object) -> str:
    if isinstance(value, np.ndarray):
        return f"{value.dtype.name}{list(value.shape)}"
    return repr(value)
