"""The OpenAPI document of what is served."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import learnwire_service as lw
import pytest

from tests.access import AccessWriter
from tests.conftest import Trained
from tests.end_to_end.web import GENERIC, PENGUINS, web_serving


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """An access file, and tokens by what they are for."""
    access = AccessWriter(tmp_path_factory.mktemp("access") / "access.json")
    return access.path, {
        "all": access.token("all", "predict", "read"),
        "penguins": access.token("penguins", "predict", models=["penguins"]),
        "read": access.token("reader", "read"),
    }


@pytest.fixture(scope="module")
def http(
    trained: dict[str, Trained], tokens: tuple[Path, dict[str, str]]
) -> Iterator[httpx.Client]:
    with web_serving("penguins", "digits", access=tokens[0]) as (_, client):
        yield client


@pytest.fixture
def told(
    request: pytest.FixtureRequest, http: httpx.Client, tokens: tuple[Path, dict[str, str]]
) -> Any:
    """The document as the bearer of a token gets it."""
    headers = {"authorization": f"Bearer {tokens[1][request.param]}"}
    return http.get("/openapi.json", headers=headers).raise_for_status().json()


@pytest.mark.parametrize("told", ["all"], indirect=True)
def test_it_is_valid_and_of_what_is_served(told: Any) -> None:
    validator: Any = pytest.importorskip("openapi_spec_validator")
    validator.validate(told)
    assert {f"{GENERIC}/Predict", f"{PENGUINS}/Predict", f"{PENGUINS}/PredictMany"} <= {
        *told["paths"]
    }
    assert f"{GENERIC}/PredictStream" not in told["paths"]
    asks = told["components"]["schemas"]["learnwire.models.penguins.v1.PredictRequest"]
    assert asks["properties"]["billLengthMm"]["type"] == "number"
    assert 'The column "island"' in asks["properties"]["island"]["description"]
    classes = told["components"]["schemas"]["learnwire.models.penguins.v1.Category"]
    assert "CATEGORY_ADELIE" in classes["enum"]
    many = told["paths"][f"{PENGUINS}/PredictMany"]["post"]["responses"]["200"]
    assert [*many["content"]] == ["application/x-ndjson"]


@pytest.mark.parametrize("told", ["penguins"], indirect=True)
def test_models_of_others_are_not_in_it(told: Any) -> None:
    assert f"{PENGUINS}/Predict" in told["paths"]
    assert not any("digits" in path or "ListModels" in path for path in told["paths"])


@pytest.mark.parametrize("told", ["read"], indirect=True)
def test_methods_of_other_roles_are_not_in_it(told: Any) -> None:
    assert "/learnwire.v1.ModelService/ListModels" in told["paths"]
    assert not any(path.endswith("Predict") for path in told["paths"])


def test_strangers_do_not_get_it(http: httpx.Client) -> None:
    assert http.get("/openapi.json").status_code == 401


def test_it_is_not_there_without_reflection(trained: dict[str, Trained]) -> None:
    service = lw.Service("empty")
    with web_serving(service, reflection=False) as (_, http):
        assert http.get("/openapi.json").status_code == 404
