"""What is said of two versions of a model, and by the ways to say it."""

from pathlib import Path
from typing import Any

import learnwire_service as lw
import pytest
from learnwire_service.models.contracts import contracts_of, difference
from learnwire_service.signature.specs import (
    ArrayInput,
    CellType,
    Column,
    InputSpec,
    OutputSpec,
    RegressionOutput,
    Signature,
    SingleLabelOutput,
    TabularInput,
    TextInput,
)
from learnwire_service.store.store import ModelStore
from learnwire_service.store.tag import Tag

from .hand_made import save

YES_NO = SingleLabelOutput(classes=("no", "yes"))
KEEP = "Both speak contract v1. Stubs made for m:v1 keep working with m:v2"
SAME = [f"{KEEP}.", "Nothing of the contract is different."]
ANEW = f"{KEEP}; generated anew, they have what is new."


def row(*names: str, null: bool = True, type_: str = "float") -> TabularInput:
    return TabularInput(
        columns=tuple(Column(name=name, type=CellType(type_), nullable=null) for name in names)
    )


def pixels(*shape: int, encoded: bool = False) -> ArrayInput:
    return ArrayInput(shape=shape, dtype="uint8", axes=(), encoded=encoded)


def saved(*versions: tuple[InputSpec, OutputSpec]) -> None:
    store = ModelStore()
    for i, (spec, output) in enumerate(versions, 1):
        save(store, f"m:v{i}", 100 - i, Signature(input=spec, output=output))


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (
            (row("a"), YES_NO),
            (row("a"), YES_NO),
            [f"{KEEP}.", "Nothing of the contract is different."],
        ),
        (
            (row("a", "b"), YES_NO),
            (row("a", "c"), YES_NO),
            [
                ANEW,
                '- column "c" is new: stubs made before leave it unset, which is null',
                '- column "b" is retired: what stubs made before send there is ignored; those '
                "generated anew lack it",
            ],
        ),
        (
            (row("a", null=False), YES_NO),
            (row("a"), YES_NO),
            [ANEW, '- column "a" may now be left unset'],
        ),
        (
            (TextInput(), YES_NO),
            (TextInput(), SingleLabelOutput(classes=("maybe", "no", "yes"))),
            [
                ANEW,
                '- new among the classes: "maybe"; stubs made before see a number that they do '
                "not know in the enum, and the name in the label",
            ],
        ),
        (
            (TextInput(), RegressionOutput(targets=("x",))),
            (TextInput(), RegressionOutput(targets=("x", "y"))),
            [ANEW, '- new among the targets: "y"; stubs made before do not see them'],
        ),
        (
            (pixels(8, 8), YES_NO),
            (pixels(-1, 8, encoded=True), YES_NO),
            [
                ANEW,
                "- an array of the shape [-1, 8] is taken, not [8, 8]",
                "- an encoded image is taken too",
            ],
        ),
        (
            (row("a"), YES_NO),
            (row("a", type_="string"), YES_NO),
            [
                "m:v1 speaks contract v1, m:v2 speaks v2. Stubs of v1 do not reach m:v2: generate "
                "those of v2. They keep working where m:v1 is served beside it.",
                '- column "a" is string, and was float',
            ],
        ),
    ],
)
def test_a_difference_is_told_in_words_and_for_whom(
    own_home: Path,
    before: tuple[InputSpec, OutputSpec],
    after: tuple[InputSpec, OutputSpec],
    told: list[str],
) -> None:
    saved(before, after)
    assert difference("m:v1", "m:v2") == told


def test_stubs_that_are_newer_than_a_version_are_told_what_it_lacks(own_home: Path) -> None:
    saved((row("a", "b", null=False), YES_NO), (row("a", null=False), YES_NO))
    assert difference("m:v2", "m:v1") == [
        "Both speak contract v1, but m:v1 lacks something that the stubs made for m:v2 know.",
        '- column "b" is new and may not be null',
    ]


def test_a_version_that_fits_another_alone_but_not_its_contract_is_told_why(
    own_home: Path,
) -> None:
    strict = (row("a", null=False), YES_NO)
    saved(strict, (row("a"), YES_NO), strict)
    assert difference("m:v1", "m:v3")[1:] == ['- column "a" may not be null, and could be left out']


def test_versions_of_two_models_are_not_compared(own_home: Path) -> None:
    save(ModelStore(), "m:v1")
    save(ModelStore(), "n:v1")
    with pytest.raises(lw.InvalidTag, match="m:v1 and n:v1 are no versions of one model"):
        difference("m", "n")


def test_a_name_means_the_newest_version_of_each_contract(own_home: Path) -> None:
    first, changed = (row("a"), YES_NO), (row("a", type_="string"), YES_NO)
    saved(first, changed, (row("a", "b"), YES_NO))
    old, new = contracts_of("m")
    assert (old.major, [field.name for field in old.inputs]) == (1, ["a", "b"])
    assert (new.major, [field.name for field in new.inputs]) == (2, ["a"])
    (alone,) = contracts_of("m:v1")
    assert (alone.major, [field.name for field in alone.inputs]) == (1, ["a"])


def test_a_contract_whose_versions_are_gone_is_written_no_more(own_home: Path) -> None:
    saved((row("a"), YES_NO), (row("a", type_="string"), YES_NO))
    contracts_of("m")
    ModelStore().delete(Tag("m", "v1"))
    assert [one.major for one in contracts_of("m")] == [2]


@pytest.mark.slow
def test_saving_what_breaks_old_stubs_warns_and_says_why(
    own_home: Path, shop: Any, texts: Any, caplog: pytest.LogCaptureFixture
) -> None:
    lw.save_model("m:first", shop)
    lw.save_model("m:again", shop)
    assert "contract" not in caplog.text
    lw.save_model("m:other", texts)
    assert (
        "m:other does not fit the stubs of m and begins contract v2: it takes a text, not a row"
        in caplog.text
    )
