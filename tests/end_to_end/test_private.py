"""A column whose values are private: checked as ever, and told to nobody."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import learnwire_service as lw
import numpy as np
import pandas as pd
import pytest
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)
from learnwire_client import Client, InvalidInput
from learnwire_service.common.errors import NotServable
from learnwire_service.contracts.files import write_protos
from learnwire_service.models.contracts import contracts_of
from learnwire_service.rpc.describe import model as described
from learnwire_service.store.manifest import MANIFEST_FILE

from tests.end_to_end.test_cli import learnwire
from tests.end_to_end.typed import Stub, contract_of
from tests.service import small_learners as small
from tests.service.small_learners import ROW, ask

# The learners that they save, or the processes that they start, take seconds.
pytestmark = pytest.mark.slow

USERS = [f"secret-{i}" for i in range(130)]
KNOWN, NUMBER = {**ROW, "user_id": USERS[0]}, "weight"


@dataclass(frozen=True)
class Private:
    """A model of a column `user_id`, served as `warns` and as `refuses`, and one that tells it.

    Attributes:
        learner: the first.
        author: tells the user; served as `author`.
        target: where they are served.
        client: asks there.
    """

    learner: Any
    author: Any
    target: str
    client: Client


@pytest.fixture(scope="module")
def learner() -> Any:
    """Tell what a user buys."""
    return small.shop_learner(users_frame(), (*small.CATEGORIES, "user_id"))


def users_frame() -> pd.DataFrame:
    """Give the shops' table with a column of users."""
    frame = small.shop_frame()
    frame = frame.sample(520, replace=True, random_state=0).reset_index(drop=True)
    return frame.assign(user_id=np.resize(USERS, len(frame)))


@pytest.fixture(scope="module")
def private(learner: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Private]:
    """Save and serve it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEARNWIRE_HOME", str(tmp_path_factory.mktemp("private")))
        hidden = ["user_id", NUMBER]
        lw.save_model("warns", learner, private=hidden, nulls="allow")
        lw.save_model("refuses", learner, private=hidden, unknown_categories="refuse")
        author = small.shop_learner(users_frame(), target="user_id")
        lw.save_model("author", author, private=["user_id"])
        with lw.serving("warns", "refuses", "author") as target, Client(target) as client:
            yield Private(learner, author, target, client)


@pytest.fixture
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a test a store of its own."""
    monkeypatch.setenv("LEARNWIRE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_a_row_of_a_private_value_is_answered_as_the_learner_does(private: Private) -> None:
    for user in (USERS[3], USERS[77]):
        row = {**KNOWN, "user_id": user}
        answer = private.client.predict("refuses", row)
        assert answer.warnings == ()
        assert answer.probabilities == pytest.approx(ask(private.learner, row)[1], abs=1e-5)


def test_an_unknown_value_is_refused_or_warned_of_and_those_known_are_not_listed(
    private: Private,
) -> None:
    row = {**KNOWN, "user_id": "mallory"}
    with pytest.raises(InvalidInput) as caught:
        private.client.predict("refuses", row)
    [violation] = caught.value.violations
    assert violation.field == 'row.cells["user_id"]'
    assert violation.description == (
        'expected a value that training had (which those are is private), got the string "mallory"'
    )
    [warning] = private.client.predict("warns", row).warnings
    assert warning.startswith('column "user_id": the string "mallory" was not seen at training')


def test_a_caller_is_told_that_a_column_is_private_and_nothing_else_of_it(
    private: Private,
) -> None:
    model = private.client.model("refuses")
    columns = {column.name: column for column in model.input.columns}
    for name in ("user_id", NUMBER):
        column = columns[name]
        assert column.private
        assert (column.categories, column.example) == ((), None)
        assert (column.typical_min, column.typical_max) == (None, None)
    assert columns["user_id"].refuses_unknown
    assert columns["shop"].categories == ("north", "south")
    assert "private; others refused" in repr(model)


def test_nothing_that_a_caller_can_ask_for_has_a_private_value(
    private: Private, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[str] = []
    for name in ("warns", "refuses", "author"):
        told += [str(private.client.model(name).message), repr(private.client.model(name))]
        told += [str(private.client.statistics(name).message)]
        for row in (
            {**KNOWN, "user_id": 7},
            {**KNOWN, "user_id": ""},
            {**KNOWN, "user_id": None},
            {"user_id": "mallory"},
        ):
            told += [_said(private, name, row)] * (name != "author")
    contracts = [one for name in ("warns", "refuses", "author") for one in contracts_of(name)]
    write_protos(contracts, tmp_path)
    told += [path.read_text() for path in tmp_path.rglob("*.proto")]
    with grpc.insecure_channel(private.target) as channel:
        database = ProtoReflectionDescriptorDatabase(channel)
        for service in database.get_services():
            told.append(str(database.FindFileContainingSymbol(service)))
    told.append(caplog.text)
    assert not [text for text in told if "secret-" in text]
    assert sum("is private" in text for text in told) >= 2


def _said(private: Private, name: str, row: dict[str, Any]) -> str:
    try:
        return repr(private.client.predict(name, row))
    except InvalidInput as error:
        return f"{error} {error.violations}"


@pytest.mark.slow
def test_listings_hide_private_values_and_the_store_has_them(private: Private) -> None:
    shows = [("show", name, *more) for name in ("warns", "author") for more in ((), ("--json",))]
    for command in (*shows, ("list", "--json")):
        done = learnwire("models", *command)
        assert done.returncode == 0
        assert "secret-" not in done.stdout
    for one in (lw.get("warns"), lw.get("author")):
        assert "secret-" not in one._repr_html_() + one.signature._repr_html_()
    shown = json.loads(learnwire("models", "show", "warns", "--json").stdout)
    column = next(c for c in shown["signature"]["input"]["columns"] if c["name"] == "user_id")
    assert (column["categories"], column["private"]) == ([], True)
    assert "secret-" in (lw.get("warns").directory / MANIFEST_FILE).read_text()


def test_why_a_model_is_slow_is_not_told_where_it_could_quote_a_private_value(
    private: Private,
) -> None:
    runner = lw.get("warns").to_runner()
    runner.load()
    assert runner.choice is not None
    object.__setattr__(runner.choice, "reasons", ("loader: KeyError: 'secret-1'",))
    message = described(runner, [runner], max_text_chars=9)
    assert message.plan.reasons == [
        "why is not told, since columns are private; the log says it at save and at load"
    ]


def test_private_classes_are_told_in_answers_alone(private: Private) -> None:
    probabilities = ask(private.author, ROW)[1]
    names = [f"p_{i}" for i in range(len(USERS))]
    answer = private.client.predict("author", ROW)
    index = int(probabilities.argmax())
    assert answer.label == private.author.dls.vocab[index]
    assert answer.probabilities == pytest.approx(probabilities, abs=1e-5)
    assert answer.top(1)[0].label == str(index)
    frame = private.client.predict_frame("author", pd.DataFrame([ROW] * 2))
    assert list(frame) == ["label", *names, "warnings", "error"]
    assert frame["label"].tolist() == [answer.label] * 2
    assert "answers one of 130 classes, which are private" in repr(private.client.model("author"))


def test_the_contract_of_private_classes_has_no_enum_and_answers_all_the_same(
    private: Private,
) -> None:
    with grpc.insecure_channel(private.target) as channel:
        stub = Stub(channel, contract_of("author"))
        response = stub.predict(stub.request(ROW))
    index = int(ask(private.author, ROW)[1].argmax())
    assert (response.label, response.index) == (private.author.dls.vocab[index], index)
    assert [field.name for field in response.DESCRIPTOR.fields] == [
        *("label", "index", "probabilities", "warnings", "model_version"),
    ]


@pytest.mark.slow
def test_classes_that_become_private_begin_a_contract(
    private: Private, own_home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    lw.save_model("author", private.author)
    lw.save_model("author", private.author, private=["user_id"])
    assert "begins contract v2: its classes are private, and were an enum" in caplog.text


@pytest.mark.slow
def test_very_many_values_are_told_of_at_save_unless_they_are_private(
    learner: Any, own_home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sentence = (
        'user_id has 130 values, which every caller can read; private=["user_id"] hides them '
        "(learnwire save --private user_id)"
    )
    lw.save_model("open", learner)
    assert sentence in caplog.text
    caplog.clear()
    lw.save_model("hidden", learner, private=["user_id"])
    assert "every caller can read" not in caplog.text


@pytest.mark.slow
def test_the_command_saves_private_columns(learner: Any, own_home: Path, tmp_path: Path) -> None:
    learner.export(tmp_path / "export.pkl")
    saved = learnwire(
        *("save", "shop", tmp_path / "export.pkl", "--private", "user_id", "--private", NUMBER)
    )
    assert saved.returncode == 0
    columns = lw.get("shop").signature.input.columns
    assert {column.name for column in columns if column.private} == {"user_id", NUMBER}


def test_a_column_that_is_not_there_cannot_be_private(learner: Any, own_home: Path) -> None:
    with pytest.raises(NotServable, match='private names "usr", but the model has only "shop"'):
        lw.save_model("shop", learner, private=["usr"])
    assert lw.list_models() == []
