"""Asks a version's golden examples again, and says all that is answered otherwise than at save.

Usage: `python -m learnwire_service.models.replay penguins` says it as JSON
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from ..common.environment import library_versions
from ..common.errors import LearnwireError, NotServable, in_a_line
from ..sealed import golden
from ..torch_models.model import TorchModel
from ..trust.running import Trust
from .model import LEARNER_FILE, Model, get


@dataclass(frozen=True)
class Replayed:
    """What came of asking a version's golden examples again.

    Attributes:
        tag: the version's.
        by: who answered: `recipe`, `Learner` or `module`.
        examples: how many examples there are.
        versions: of Python and the libraries that it was asked with, by name.
        differences: a sentence for each that is answered otherwise, or why none is answered.
    """

    tag: str
    by: str
    examples: int
    versions: dict[str, str]
    differences: list[str]


def replay(tag: str, *, learner: bool = False, allow_unpickling: bool = False) -> Replayed:
    """Ask a version's golden examples again, here.

    Usage: `replay("penguins").differences`

    Args:
        tag: the version's.
        learner: whether its Learner is asked, also where the version is sealed.
        allow_unpickling: whether the code of one that is not the user's own runs.

    Raises:
        ModelNotFound: there is none.
        InvalidTag: the tag is malformed, or the prefix fits several versions.
        UntrustedModel: its code would run, and may not.
        NotServable: there are no golden examples, or no Learner.
    """
    model = get(tag)
    by, count = check_replayable(model, learner=learner, allow_unpickling=allow_unpickling)
    try:
        differences = list(_differences(model, by, allow_unpickling))
    except Exception as error:  # noqa: BLE001 - a library of another version may raise anything
        told = str(error) if isinstance(error, LearnwireError) else in_a_line(error)
        differences = [f"it does not load: {told}"]
    return Replayed(model.tag, by, count, library_versions(), differences)


def check_replayable(
    model: Model | TorchModel, *, learner: bool, allow_unpickling: bool
) -> tuple[str, int]:
    """Tell who answers a version's golden examples, and how many there are.

    Raises:
        UntrustedModel: its code would run, and may not.
        NotServable: there are none, or there is no Learner.
    """
    if not model.manifest.verified:
        raise NotServable(f"{model.tag} was saved unverified: there is nothing to ask again")
    trust = Trust(allow_unpickling)
    if isinstance(model, TorchModel):
        trust.check_code(model.version, ["its module"], [])
        return "module", len(model.manifest.methods)
    if model.manifest.is_sealed and not learner:
        return "recipe", len(model.examples())
    if LEARNER_FILE not in model.manifest.files:
        raise NotServable(f"{model.tag} was saved without its Learner, so only its recipe answers")
    trust.check_code(model.version, ["its Learner, a pickle"], [])
    return "Learner", len(model.examples())


def _differences(model: Model | TorchModel, by: str, allow_unpickling: bool) -> Iterator[str]:
    trust = Trust(allow_unpickling)
    if isinstance(model, TorchModel):
        model.load_calls("refuse", "cpu", "fp32", trust=trust)
    elif by == "recipe":
        from ..sealed.loading import load_plan

        model.manifest.check_files(model.directory)
        yield from golden.differences(load_plan(model.manifest, model.directory), model.examples())
    else:
        from ..learners.plan import SinglePlan

        plan = SinglePlan(model.load_adapter("warn", trust))
        yield from golden.differences(plan, model.examples())


if __name__ == "__main__":
    _tag, *_flags = sys.argv[1:]
    _found = replay(_tag, learner="learner" in _flags, allow_unpickling="allow" in _flags)
    sys.stdout.write("\n" + json.dumps(asdict(_found)) + "\n")
