"""Calls by the Open Inference Protocol, to measure them beside the generic ones."""

import json
from typing import Any

import numpy as np
import pandas as pd
from learnwire.inference.v2_pb2 import ModelInferResponse
from numpy.typing import NDArray

from tests.end_to_end.inference import arrays_of, tensors
from tests.end_to_end.inference import request as inference_request

from .models import Model

METHOD = "/inference.GRPCInferenceService/ModelInfer"
# By how they are called in figures.
WIRES = ("oip-raw", "oip-typed", "oip-json")


def path(model: Model) -> str:
    """Give where a model is asked over HTTP."""
    return f"/v2/models/{model.tag}/infer"


def request(wire: str, model: Model, row: "pd.Series[Any]") -> bytes:
    """Give the bytes that ask for a row: raw, as typed contents, or as JSON."""
    arrays = tensors([row])
    if wire == "oip-json":
        return _as_json(model, arrays)
    message = inference_request(model.tag, arrays, typed=wire == "oip-typed")
    return message.SerializeToString()


def probabilities(wire: str, answer: bytes) -> NDArray[np.float64]:
    """Read an answer."""
    if wire == "oip-json":
        found = {one["name"]: one["data"] for one in json.loads(answer)["outputs"]}
    else:
        found = arrays_of(ModelInferResponse.FromString(answer))
    return np.array(found["probabilities"], np.float64).reshape(-1)


def _as_json(model: Model, arrays: dict[str, Any]) -> bytes:
    inputs = []
    for one in inference_request(model.tag, arrays).inputs:
        listed = arrays[one.name].tolist()
        data = [x.decode() for x in listed] if one.datatype == "BYTES" else listed
        shape = list(one.shape)
        inputs.append({"name": one.name, "datatype": one.datatype, "shape": shape, "data": data})
    return json.dumps({"inputs": inputs}).encode()
