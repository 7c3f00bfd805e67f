"""A model retrained again and again: which of its stubs keep working, and what the others hear."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import learnwire_service as lw
import numpy as np
import pandas as pd
import pytest
from learnwire_client import Client, InvalidInput
from learnwire_service import CorruptModel

from tests.end_to_end.test_contracts import refused, status_of
from tests.end_to_end.test_grpcurl import grpcurl
from tests.end_to_end.typed import Stub, contract_of
from tests.service import small_learners as small
from tests.service.small_learners import ROW, ask

pytestmark = pytest.mark.slow

LATER = {name: cell for name, cell in ROW.items() if name != "open"} | {"discount": 0.1}


@dataclass(frozen=True)
class Generation:
    """A version with its learner, and the contract that its stubs were made of then."""

    tag: str
    learner: Any
    contract: Any

    @property
    def version(self) -> str:
        return self.tag.partition(":")[2]

    def expects(self, response: Any, row: dict[str, Any]) -> None:
        """See that a response is this learner's answer to a row."""
        index, probabilities = ask(self.learner, row)
        assert response.model_version == self.version
        assert response.index == index
        np.testing.assert_allclose(response.probabilities, probabilities, atol=1e-5)


def _save(version: str, learner: Any) -> Generation:
    tag = lw.save_model(f"shop:{version}", learner).tag
    return Generation(tag, learner, contract_of(tag))


def _later_frame() -> pd.DataFrame:
    """Give a table with one column more, which has holes, and one class more."""
    frame = small.shop_frame()
    sold = np.where(frame.index % 3 == 0, "perhaps", frame["sold"])
    discount = np.where(frame.index % 4 == 0, np.nan, frame["price"] / 100)
    return frame.assign(sold=sold, discount=discount)


@pytest.fixture(scope="module")
def generations() -> Iterator[list[Generation]]:
    """First, then retrained with other columns and one class more, then with one class less."""
    numbers = (*small.NUMBERS, "discount")
    frame = _later_frame()
    fewer = frame[frame["sold"] != "no"].reset_index(drop=True)
    yield [
        _save("first", small.shop_learner()),
        _save("second", small.shop_learner(frame, ("shop", "size"), numbers)),
        _save("third", small.shop_learner(fewer, ("shop", "size"), numbers)),
    ]
    lw.delete_model("shop")


@contextmanager
def stubs(*of: Generation, served: list[Generation]) -> Iterator[list[Stub]]:
    """Serve some generations, and give the stubs of some."""
    with (
        lw.serving(*(one.tag for one in served)) as target,
        grpc.insecure_channel(target) as channel,
    ):
        yield [Stub(channel, one.contract) for one in of]


def test_old_stubs_keep_working_and_new_ones_see_what_is_new(generations: list[Generation]) -> None:
    first, second, _ = generations
    assert first.contract.service == second.contract.service
    without_discount = LATER | {"discount": np.nan}
    with stubs(first, second, served=[first, second]) as (old, new):
        sent_before, sent_now = old.request(ROW), new.request(LATER)
        assert sent_before.HasField("open")
        second.expects(old.predict(sent_before), without_discount)
        second.expects(new.predict(sent_now), LATER)
        [result] = old.predict_many([sent_before])
        second.expects(result.response, without_discount)
        second.expects(old.predict_stream([sent_before])["0"].response, without_discount)
        # The version that was asked for still reads the column that was retired since.
        first.expects(old.predict(sent_before, "first"), ROW)
        [result] = old.predict_many([sent_before], "first")
        first.expects(result.response, ROW)
        # `price` may not be null in either.
        sent_now.ClearField("price")
        error = refused(new.predict, sent_now)
        assert [str(fault) for fault in error.violations] == [
            "price: expected a float, got nothing: the column is missing"
        ]
        [result] = new.predict_many([sent_now])
        assert isinstance(status_of(result), InvalidInput)


def test_a_class_keeps_its_number_whatever_its_index(generations: list[Generation]) -> None:
    first, second, third = generations
    numbers = [one.contract.heads[0].categories for one in generations]
    assert numbers[0] == {"no": 1, "yes": 2}
    assert numbers[1] == {"no": 1, "yes": 2, "perhaps": 3}
    assert second.contract.heads[0].spec.classes == ("no", "perhaps", "yes")
    assert (first.contract.major, second.contract.major, third.contract.major) == (1, 1, 2)
    with stubs(second, served=[second]) as [new]:
        for price in range(20):
            response = new.predict(new.request(LATER | {"price": price}))
            assert response.category == numbers[1][response.label]


def test_what_breaks_stubs_is_served_beside_what_does_not(generations: list[Generation]) -> None:
    first, second, third = generations
    with stubs(first, third, served=generations) as (old, newest):
        second.expects(old.predict(old.request(ROW)), LATER | {"discount": np.nan})
        third.expects(newest.predict(newest.request(LATER)), LATER)
        third.expects(newest.predict(newest.request(LATER), "latest"), LATER)
        error = refused(old.predict, old.request(ROW), "third")
        assert error.reason == "CONTRACT_NOT_SERVED"
        assert f"shop:third does not speak {first.contract.service}" in error.message


def test_a_stub_whose_contract_is_not_served_hears_which_are(generations: list[Generation]) -> None:
    first, _, third = generations
    with stubs(first, third, served=[third]) as (old, newest):
        for call in (
            lambda: old.predict(old.request(ROW)),
            lambda: list(old.predict_many([old.request(ROW)])),
            lambda: old.predict_stream([old.request(ROW)]),
        ):
            error = refused(call)
            assert (error.code, error.reason) == (
                grpc.StatusCode.UNIMPLEMENTED,
                "CONTRACT_NOT_SERVED",
            )
            assert f"no version served here speaks {first.contract.service}" in error.message
            assert f"shop:third speaks {third.contract.service}" in error.message
            assert "learnwire contract shop" in error.message
            assert "shop:second" in error.message
        third.expects(newest.predict(newest.request(LATER)), LATER)


def test_reflection_gives_the_newest_served_form_of_each_contract(
    generations: list[Generation],
) -> None:
    first, second, third = generations
    request = "learnwire.models.shop.v1.PredictRequest"
    with lw.serving(*(one.tag for one in generations)) as target:
        listed = grpcurl(target, "list").split()
        assert {first.contract.service, third.contract.service} <= set(listed)
        described = grpcurl(target, "describe", request)
        assert "optional double discount = 6" in described
        assert " open = " not in described
        later = grpcurl(target, "describe", request.replace("v1", "v2"))
        assert "optional double discount" in later
    with lw.serving(first.tag) as target:
        assert "optional bool open = 3" in grpcurl(target, "describe", request)
        assert third.contract.service not in grpcurl(target, "list").split()
        with Client(target) as client:
            assert client.predict("shop", ROW).version == "first"
    assert second.contract.service == first.contract.service


def test_two_models_whose_contracts_have_one_name_are_not_served_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEARNWIRE_HOME", str(tmp_path))
    learner = small.shop_learner()
    for name in ("my-shop", "my.shop"):
        lw.save_model(name, learner)
    # As after a copy from a store where nothing else had that name.
    copied = tmp_path / "models" / "my.shop" / "contract.json"
    copied.write_text(copied.read_text().replace("my_shop_2", "my_shop"))
    with lw.serving("my.shop"):
        pass
    with (
        pytest.raises(CorruptModel, match=r"my-shop and my\.shop both have .*models\.my_shop"),
        lw.serving("my-shop", "my.shop"),
    ):
        pass
