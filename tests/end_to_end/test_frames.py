"""Frames of every library, answered by a real model as `learner.predict` does."""

from collections.abc import Callable
from typing import Any

import pandas as pd
import polars as pl
import pytest
from learnwire_client import Client, InvalidInput

from tests.conftest import Trained

LIBRARIES: dict[str, Callable[[pd.DataFrame], Any]] = {
    "pandas": lambda frame: frame,
    "polars": lambda frame: pl.DataFrame(
        frame.astype(object).where(frame.notna(), None).to_dict("list")
    ),
    "pyarrow": lambda frame: LIBRARIES["polars"](frame).to_arrow(),
}


@pytest.fixture(scope="module")
def rows(penguins: Trained) -> pd.DataFrame:
    return pd.DataFrame(penguins.items[:30]).reset_index(drop=True).infer_objects()


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_frame_of_every_library_is_answered_as_the_learner_does(
    library: str, rows: pd.DataFrame, penguins: Trained, client: Client
) -> None:
    pairs = pd.Series([[1, 2]] * len(rows), dtype=object)
    noted = rows.assign(note=[f"row {i}" for i in range(len(rows))], pair=pairs)
    answers = client.predict_frame("penguins", LIBRARIES[library](noted))
    assert list(answers["label"].to_pylist() if library == "pyarrow" else answers["label"]) == [
        penguins.predict(row)[0] for _, row in rows.iterrows()
    ]


def test_numbers_where_the_model_has_text_raise_with_the_way_out(
    rows: pd.DataFrame, client: Client
) -> None:
    frame = rows.assign(island=range(len(rows)))
    hint = r"expected a string.*got the number 0; the column is int64: .* dtype={'island': str}"
    with pytest.raises(InvalidInput, match=hint):
        client.predict_frame("penguins", frame)
