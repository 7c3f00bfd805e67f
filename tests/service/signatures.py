"""Signatures of models that nobody has trained: ugly names, many classes, every dtype."""

from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from learnwire_service.contracts.growth import grow
from learnwire_service.contracts.lock import Lock
from learnwire_service.signature.specs import (
    ArrayInput,
    ArraysInput,
    CellType,
    Column,
    MaskOutput,
    MultiLabelOutput,
    PointsOutput,
    RegressionOutput,
    SeveralOutput,
    Signature,
    SingleLabelOutput,
    TabularInput,
    TextInput,
)

UGLY = (
    *("", " ", "_", "-", "2024", "class", "a b", "a_b", "aB", "a__b", "A B", "a-b", "import"),
    *("self", "descriptor", "Größe (m²)", "køn", "возраст", "年齢", "😀", "[a]", 'say "hi"', "\\"),
    *("new\nline", "tab\t", "nul\0", "\x7f", "\u2028", "*/", "//", "é", "e\u0301", "x" * 300),
    *(f"{'x' * i}   {'y' * i}" for i in (55, 60, 65, 70)),
    *("unspecified", "UNSPECIFIED", "category_unspecified", "warnings", "model_version", "1", "-1"),
    *("1.5", "15", "<50k", ">=50k", "#na#", "google", "learnwire", "string", "PredictRequest"),
    *("column_1", "class_1", "target_1", "aB2", "a_b_2", "a_b2", "value", "true", "None"),
)
DTYPES = (
    *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("float16", "float32", "float64", "object"),
)
_texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
_names = st.one_of(st.sampled_from(UGLY), _texts)


def names(most: int) -> st.SearchStrategy[tuple[str, ...]]:
    """Give some names, no two the same."""
    return st.lists(_names, min_size=1, max_size=most, unique=True).map(tuple)


@st.composite
def _columns(draw: st.DrawFn) -> tuple[Column, ...]:
    return tuple(
        Column(
            name=name,
            type=draw(st.sampled_from(CellType)),
            nullable=draw(st.booleans()),
            categories=draw(st.none() | names(15)),
            typical_range=draw(st.none() | st.just((-1.5, 1e9))),
        )
        for name in draw(names(12))
    )


_arrays = st.builds(
    ArrayInput,
    shape=st.lists(st.sampled_from([-1, 1, 28]), max_size=4).map(tuple),
    dtype=st.sampled_from(DTYPES),
    axes=st.just(()),
    typical_shape=st.none(),
    encoded=st.booleans(),
)
_inputs = st.one_of(
    st.builds(TextInput),
    _columns().map(lambda columns: TabularInput(columns=columns)),
    _arrays,
    st.lists(_arrays, min_size=1, max_size=4).map(lambda some: ArraysInput(arrays=tuple(some))),
)
_many = st.integers(100, 400).map(lambda n: tuple(f"{i} of {n}" for i in range(n)))
_classes = names(20) | _many
_heads = st.one_of(
    st.builds(SingleLabelOutput, classes=_classes),
    st.builds(MultiLabelOutput, classes=_classes, threshold=st.just(0.5)),
    st.builds(RegressionOutput, targets=names(6)),
    st.builds(MaskOutput, classes=names(6)),
    st.builds(PointsOutput, count=st.integers(1, 9)),
)
_several = st.lists(_heads, min_size=1, max_size=13).map(lambda h: SeveralOutput(heads=tuple(h)))
signatures = st.builds(Signature, input=_inputs, output=_heads | _several)


_rows = _columns().map(lambda columns: TabularInput(columns=columns))
_answers = st.one_of(
    st.builds(SingleLabelOutput, classes=names(20)),
    st.builds(MultiLabelOutput, classes=names(20), threshold=st.just(0.5)),
    st.builds(RegressionOutput, targets=names(6)),
)


@st.composite
def grown(draw: st.DrawFn) -> tuple[Signature, Signature]:
    """Give a model, and what it has become in ways that old stubs can live with."""
    row, answer = draw(_rows), draw(_answers)
    columns = {one.name: one for one in row.columns}
    for one in draw(_columns()):
        columns.setdefault(one.name, one.model_copy(update={"nullable": True}))
    for name in draw(st.sets(st.sampled_from(list(columns)), max_size=len(columns) - 1)):
        if draw(st.booleans()):
            del columns[name]
        else:
            columns[name] = columns[name].model_copy(update={"nullable": True})
    after = TabularInput(columns=tuple(draw(st.permutations(list(columns.values())))))
    more = draw(st.just(()) | names(6))
    return (
        Signature(input=row, output=answer),
        Signature(input=after, output=draw(_renamed(answer, more, gone=0))),
    )


@st.composite
def broken(draw: st.DrawFn) -> tuple[Signature, Signature]:
    """Give a model, and what it has become in ways that descriptions of messages can tell."""
    row, answer = draw(_rows), draw(_answers)
    first, *others = row.columns
    type_ = draw(st.sampled_from([one for one in CellType if one is not first.type]))
    changed = TabularInput(columns=(*others, first.model_copy(update={"type": type_})))
    spec, output = draw(
        st.tuples(st.just(changed) | st.just(TextInput()) | _arrays, st.just(answer))
        | st.tuples(st.just(row), _renamed(answer, ("kept", "new"), gone=1))
        | st.tuples(st.just(row), _answers.filter(lambda one: one.kind != answer.kind))
    )
    return Signature(input=row, output=answer), Signature(input=spec, output=output)


@st.composite
def _renamed(draw: st.DrawFn, answer: Any, more: tuple[str, ...], *, gone: int) -> Any:
    """Add classes or targets, in any order, and take some away."""
    part = "targets" if isinstance(answer, RegressionOutput) else "classes"
    old = getattr(answer, part)
    kept = old[: len(old) - gone]
    added = [name for name in more if name not in old]
    after = tuple(draw(st.permutations([*kept, *added])))
    return answer.model_copy(update={part: after})


def generated(count: int, strategy: st.SearchStrategy[Any]) -> list[Any]:
    """Give as many examples as one run of hypothesis tries; the same every time."""
    found: list[Any] = []

    @settings(
        max_examples=count,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def collect(example: Any) -> None:
        found.append(example)

    collect()
    return found


def lock_with(*versions: Signature, model: str = "m", package: str = "m") -> Lock:
    """Give the lock of a model whose versions `v1`, `v2`, ... came in this order."""
    lock = Lock(model=model, package=package)
    for i, signature in enumerate(versions, 1):
        lock = grow(lock, f"v{i}", f"day {i}", signature)
    return lock
