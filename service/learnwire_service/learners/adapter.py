"""The adapter: how one learner is described, asked and understood."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any

from learnwire_client.prediction import AnyPrediction

from ..common.errors import NotServable
from ..common.naming import import_named
from ..signature.specs import Signature
from ..signature.validation import Item


class Adapter(ABC):
    """Stands between a learner and the service; the built-in kinds are adapters too.

    Write one for a learner that `learner.predict` does not serve, and name it at save:
    `save_model("waves", learner, adapter="my_package.adapters:WavesAdapter")`. The module must
    be installed where the model is served. `describe` is all that must be written; `encode`,
    `ask` and `decode` are called for each item, in this order and never by two threads at once.

    Attributes:
        learner: the Learner; when serving, the one that was exported and loaded again.
        signature: what the model takes and answers.
        batch_items: how many items of a long job go to `ask_many` at once. Other callers wait
            for as long as that takes, so it is small where items are slow.
    """

    batch_items = 8

    def __init__(self, learner: Any, signature: Signature | None = None) -> None:
        self.learner = learner
        self.signature = signature or self.describe()

    @abstractmethod
    def describe(self) -> Signature:
        """Tell what the learner takes and answers. Called at save, on the live learner.

        Raises:
            NotServable: it cannot be served; the message says why, and the way out.
        """

    def examples(self) -> Sequence[Item]:
        """Make up a few items from the learner's transforms, never from training data."""
        return []

    def encode(self, item: Item) -> Any:
        """Bring an item that fits the signature to the form that `ask` takes.

        Raises:
            InvalidInput: the item turns out not to fit after all.
        """
        return item

    def input_size(self, item: Item) -> int:
        """Count the pixels or numbers of an item that get to the network; see Plan.input_size."""
        return 0

    def ask(self, encoded: Any) -> Any:
        """Let the learner answer."""
        return self.learner.predict(encoded)

    def ask_many(self, encoded: Sequence[Any]) -> Sequence[Any]:
        """Let the learner answer several items at once, each exactly as `ask` does.

        Whether it does is tried with the golden examples when the model is loaded. Where it
        raises, the items are asked one by one.
        """
        return [self.ask(one) for one in encoded]

    def trained_items(self, most: int) -> Iterator[Item]:
        """Give items that the learner was trained with, as a client would send them.

        They are asked for when a learner is saved: how they are answered is what drift is
        measured against. None are kept.

        Args:
            most: give no more; evenly spread over the data.
        """
        return iter(())

    def decode(self, answer: Any) -> AnyPrediction:
        """Bring what `ask` returned, by default what `learner.predict` does, to a prediction."""
        # Only here, so that whoever subclasses this does not wait for fastai's import.
        from .outputs import decode

        return decode(self.signature.output, answer)


class BuiltInAdapter(Adapter):
    """An adapter that knows its learners.

    Attributes:
        oracle: the call whose answers are right, as the learner's user would write it.
        given: at save the examples that its user gave, as he has them; none when serving.
    """

    oracle = "learner.predict(item)"

    def __init__(
        self, learner: Any, signature: Signature | None = None, given: Sequence[Any] = ()
    ) -> None:
        self.given = given
        super().__init__(learner, signature)

    def decode(self, answer: Any) -> AnyPrediction:
        """See Adapter.decode; what `learner.predict` says in words must say the same."""
        from .outputs import check_label

        prediction = super().decode(answer)
        check_label(self.signature.output, answer, prediction)
        return prediction

    @staticmethod
    @abstractmethod
    def serves(learner: Any) -> bool:
        """Tell whether a learner is of this kind."""

    def why_alone(self) -> str | None:
        """Say why the learner must be asked for one item at a time; None where it need not."""
        from .neighbours import why_alone

        return why_alone(self.learner)

    def probes(self) -> Sequence[Item]:
        """Make up items that only show, at save, whether chance has a hand in the answers."""
        return []

    def own_items(self) -> Iterator[tuple[Any, Item]]:
        """Give items of the learner's own data set, where it holds some that can be asked for.

        They are looked at when a learner is saved, and not kept.

        Returns: pairs: what its user hands to `learner.predict`, and what a client sends for it.
        """
        return iter(())


def path_of(adapter: str | type[Adapter]) -> str:
    """Name an adapter as `find_adapter` finds it.

    Raises:
        TypeError: it is no class of Adapter.
        NotServable: nobody else could import it.
    """
    if isinstance(adapter, str):
        return adapter
    if not (isinstance(adapter, type) and issubclass(adapter, Adapter)):
        raise TypeError(f"adapter: expected a class of learnwire_service.Adapter, got {adapter!r}")
    module, name = adapter.__module__, adapter.__qualname__
    if module == "__main__" or "." in name:
        raise NotServable(
            f"the adapter {name} is written in {module}, where a server cannot import it; put "
            "it on the top level of a module that is installed beside Learnwire"
        )
    return f"{module}:{name}"


def find_adapter(path: str) -> type[Adapter]:
    """Import the adapter that `package.module:Class` names.

    Raises:
        UnloadableModel: its module is not installed here.
        NotServable: it is no Adapter.
    """
    found = import_named(path, "adapter")
    if not (isinstance(found, type) and issubclass(found, Adapter)):
        raise NotServable(f'"{path}" is no subclass of learnwire_service.Adapter')
    return found
