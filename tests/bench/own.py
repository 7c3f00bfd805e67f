"""Calls of a model's own service, to measure them beside the generic ones."""

from functools import cache
from typing import Any

import learnwire_service as lw
import pandas as pd
from learnwire_service.contracts.contract import Contract
from learnwire_service.models.contracts import contracts_of
from learnwire_service.rpc.codec import Codec

from .models import Model


def method(model: Model) -> str:
    """Give the path of its Predict."""
    contract, _ = _spoken(model)
    return f"/{contract.service}/Predict"


def request(model: Model, row: "pd.Series[Any]") -> bytes:
    """Give the bytes that ask for a row."""
    contract, codec = _spoken(model)
    cells = row.dropna().to_dict()
    fields = {one.name: cells[one.original] for one in contract.inputs if one.original in cells}
    message = codec.request_class("Predict")(**fields)
    return bytes(message.SerializeToString())


def read(model: Model, answer: bytes) -> Any:
    """Give the response in an answer."""
    _, codec = _spoken(model)
    return codec.response_class("Predict").FromString(answer)


@cache
def _spoken(model: Model) -> tuple[Contract, Codec]:
    saved = lw.get(model.tag)
    [contract] = contracts_of(saved.tag)
    return contract, Codec(contract, saved.signature.input)
