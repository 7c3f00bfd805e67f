"""Endpoints that take and answer one of everything; whatever fits comes back."""

from collections.abc import AsyncIterator
from typing import Any

import learnwire_service as lw
import numpy as np
import pandas as pd
from learnwire_client import SingleLabel

from tests.service.small_networks import png

_DTYPES = {"size": "int64", "open": "bool", "price": "float32", "since": "datetime64[ns]"}
_COLUMNS = ["shop", *_DTYPES]

ECHOED: dict[str, Any] = {
    "text": lw.Text(),
    "row": lw.TabularRow(_COLUMNS, _DTYPES),
    "any_row": lw.TabularRow(),
    "table": lw.Table(_COLUMNS, _DTYPES),
    "any_table": lw.Table(),
    "array": lw.NdArray("float32", (-1, 2), enforce_shape=True),
    "any_array": lw.NdArray(),
    "prediction": lw.Prediction(),
    "image": lw.Image(),
    "number": lw.Number(),
    "flag": lw.Flag(),
}
_ROW = {"shop": "north", "size": 2, "open": True, "price": 10.5, "since": "2024-05-31T12:00:00"}
_TABLE = pd.DataFrame([_ROW, {**_ROW, "shop": None, "price": None}])
# What each endpoint takes, by itself or by name.
ALONE: dict[str, Any] = {
    "text": "two words",
    "row": _ROW,
    "any_row": _ROW,
    "table": _TABLE,
    "any_table": _TABLE,
    "array": np.ones((3, 2), np.float32),
    "any_array": np.arange(6),
    "prediction": SingleLabel("cat", 0, np.array([0.9, 0.1])),
    "image": png(np.zeros((4, 5, 3), np.uint8)),
    "number": 1.5,
    "flag": True,
    "words": "two words",
}
NAMED: dict[str, Any] = {"several": {"title": "sum", "rows": pd.DataFrame({"n": [1, 2]})}}

svc = lw.Service("echoes")


def _echo(name: str, descriptor: Any) -> None:
    @svc.api(input=descriptor, output=descriptor, name=name)
    def echo(value: Any) -> Any:
        return value


for _name, _descriptor in ECHOED.items():
    _echo(_name, _descriptor)


@svc.api(input={"title": lw.Text(), "rows": lw.Table(dtypes={"n": "int64"})}, output=lw.Text())
def several(*, rows: pd.DataFrame, title: str) -> str:
    return f"{len(title)} {rows['n'].sum()}"


@svc.api(input=lw.Text(), output=lw.Text())
async def words(text: str) -> AsyncIterator[str]:
    for word in text.split()[:10]:
        yield word
