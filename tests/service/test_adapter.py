"""An adapter of the user's own stands between a learner and the service."""

import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import learnwire_service as lw
import pandas as pd
import pytest
from learnwire_client.errors import Violation
from learnwire_client.prediction import SingleLabel
from learnwire_service.learners.adapter import Adapter
from learnwire_service.signature.specs import Signature, SingleLabelOutput, TextInput

from .small_learners import ROW, ask

PATH = f"{__name__}:ShopOfText"


class ShopOfText(Adapter):
    """Takes a shop's name as a text, and answers in capitals."""

    def describe(self) -> Signature:
        return Signature(input=TextInput(), output=SingleLabelOutput(classes=("NO", "YES")))

    def encode(self, item: Any) -> Any:
        if item not in ("north", "south"):
            raise lw.InvalidInput([Violation("text.content", "expected north or south")])
        return pd.Series(ROW | {"shop": item}, dtype=object)


class Showing(ShopOfText):
    """Shows two texts of its own, and decodes by itself."""

    def examples(self) -> Sequence[Any]:
        return ["north", "south"]

    def decode(self, answer: Any) -> Any:
        _, index, probabilities = answer
        return SingleLabel("MAYBE", int(index), probabilities.numpy())


class NoAdapter:
    """Is not one."""


def test_a_model_answers_through_its_adapter_now_and_when_loaded(shop: Any, own_home: Path) -> None:
    model = lw.save_model("m", shop, adapter=PATH, examples=["south"])
    assert model.manifest.adapter == PATH
    assert model.manifest.verified
    assert model.signature == ShopOfText(shop).signature
    runner = lw.get("m").to_runner()
    for name in ("north", "south"):
        index, expected = ask(shop, ROW | {"shop": name})
        answer = runner.predict.run(name)
        assert answer.label == ("NO", "YES")[int(index)]
        assert answer.probabilities == pytest.approx(expected, abs=1e-6)


def test_an_adapter_may_make_up_examples_and_decode_by_itself(shop: Any, own_home: Path) -> None:
    model = lw.save_model("m", shop, adapter=f"{__name__}:Showing")
    assert model.manifest.verified
    assert model.to_runner().predict.run("north").label == "MAYBE"


def test_without_examples_the_model_is_unverified(
    shop: Any, own_home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert not lw.save_model("m", shop, adapter=PATH).manifest.verified
    assert "unverified" in caplog.text


def test_an_item_that_the_adapter_does_not_take_is_its_senders_fault(
    shop: Any, own_home: Path
) -> None:
    runner = lw.save_model("m", shop, adapter=PATH, examples=["north"]).to_runner()
    with pytest.raises(lw.InvalidInput, match="expected north or south"):
        runner.predict.run("east")
    assert runner.predict.run("north").label in ("NO", "YES")
    with pytest.raises(lw.InvalidInput):
        lw.save_model("n", shop, adapter=PATH, examples=["east"])


@pytest.mark.parametrize("path", ["nowhere:Adapter", f"{__name__}:Nothing", ":X", f"{__name__}:"])
def test_an_adapter_that_cannot_be_imported_is_named_at_save(
    path: str, shop: Any, own_home: Path
) -> None:
    with pytest.raises(lw.UnloadableModel, match=f'the adapter "{path}" cannot be imported'):
        lw.save_model("m", shop, adapter=path)
    assert lw.list_models() == []


@pytest.mark.parametrize("path", [f"{__name__}:NoAdapter", f"{__name__}:PATH", "ShopOfText"])
def test_what_is_no_adapter_is_refused(path: str, shop: Any, own_home: Path) -> None:
    with pytest.raises(lw.NotServable, match=path):
        lw.save_model("m", shop, adapter=path)
    assert lw.list_models() == []


def test_an_adapter_that_is_not_installed_at_load_is_named(
    shop: Any, own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = ModuleType("elsewhere")
    elsewhere.Mine = ShopOfText  # type: ignore[attr-defined]  # a module made by hand
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "elsewhere", elsewhere)
        lw.save_model("m", shop, adapter="elsewhere:Mine", examples=["north"])
    with pytest.raises(lw.UnloadableModel, match=r'm:.*the adapter "elsewhere:Mine"'):
        lw.load_model("m")


class Answers(Showing):
    """Answers in another form than tensors."""

    def ask(self, encoded: Any) -> Any:
        label, index, probabilities = super().ask(encoded)
        return self.formed(label, index.numpy(), probabilities.numpy())

    def decode(self, answer: Any) -> Any:
        return Adapter.decode(self, answer)

    def formed(self, label: Any, index: Any, probabilities: Any) -> Any:
        raise NotImplementedError


class Arrays(Answers):
    def formed(self, *answer: Any) -> Any:
        return answer


class Lists(Answers):
    def formed(self, label: Any, index: Any, probabilities: Any) -> Any:
        return [label, int(index), probabilities.tolist()]


@pytest.mark.parametrize("form", ["Arrays", "Lists"])
def test_arrays_and_lists_are_answers_as_tensors_are(form: str, shop: Any, own_home: Path) -> None:
    model = lw.save_model("m", shop, adapter=f"{__name__}:{form}")
    index, expected = ask(shop, ROW | {"shop": "south"})
    answer = model.to_runner().predict.run("south")
    assert answer.label == ("NO", "YES")[int(index)]
    assert answer.probabilities == pytest.approx(expected, abs=1e-6)


class Alone(Answers):
    def formed(self, label: Any, index: Any, probabilities: Any) -> Any:
        return probabilities


class Twice(Answers):
    def formed(self, label: Any, index: Any, probabilities: Any) -> Any:
        return label, 7, probabilities


class NoDescription(Showing):
    def describe(self) -> Any:
        return {"input": "text"}


class FailsToDescribe(Showing):
    def describe(self) -> Any:
        raise LookupError("no such shop\nat all")


class FailsToShow(Showing):
    def examples(self) -> Any:
        yield "north"
        raise RecursionError


class FailsToEncode(Showing):
    def encode(self, item: Any) -> Any:
        raise AssertionError("not so")


class FailsToAsk(Showing):
    def ask(self, encoded: Any) -> Any:
        raise StopIteration("done")


class FailsToBeMade(Showing):
    made = 0

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        type(self).made += 1
        if self.made > 1:
            raise BufferError("once only")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("Alone", r"none of 2 made-up examples: ValueError: expected an answer as learner.predict"),
        ("Twice", r"none of 2 made-up examples: IndexError: .* pass examples=\[...\]"),
        ("NoDescription", "describes it by a dict, and no lw.Signature"),
        ("FailsToDescribe", "cannot describe the learner: LookupError: no such shop$"),
        ("FailsToShow", r"cannot make up examples; pass examples=\[...\]: RecursionError"),
        ("FailsToEncode", "none of 2 made-up examples: AssertionError: not so"),
        ("FailsToAsk", "none of 2 made-up examples: StopIteration: done"),
        ("FailsToBeMade", "fails on the learner that was exported: BufferError: once only"),
    ],
)  # fmt: skip
def test_an_adapter_that_fails_is_refused_with_what_it_raised(
    name: str, says: str, shop: Any, own_home: Path
) -> None:
    with pytest.raises(lw.NotServable, match=says):
        lw.save_model("m", shop, adapter=f"{__name__}:{name}")
    assert lw.list_models() == []
