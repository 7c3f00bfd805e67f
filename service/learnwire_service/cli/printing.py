"""Answers printed as JSON, one on each line."""

import base64
import json
from typing import Any

import numpy as np
import typer
from google.protobuf import json_format
from learnwire_client import CallError, EndpointStatistics, ModelDrift, ModelStatistics, Prediction
from learnwire_client.answer_columns import parts_of
from learnwire_client.images import encoded_image, is_pil_image
from learnwire_client.prediction import AnyPrediction, Regression
from learnwire_client.tables import is_table


def print_answer(answer: Any) -> None:
    """Print what a model or an endpoint answered, and its warnings apart."""
    if isinstance(answer, Prediction):
        for warning in answer.warnings:
            typer.echo(f"warning: {warning}", err=True)
    typer.echo(json.dumps(_plain(answer), ensure_ascii=False))


def message_json(told: ModelStatistics | EndpointStatistics | ModelDrift) -> str:
    """All that a server tells of a model's or an endpoint's work, as grpcurl shows it."""
    return json_format.MessageToJson(
        told.message,
        preserving_proto_field_name=True,
        always_print_fields_with_no_presence=True,
    )


def _plain(answer: Any) -> Any:
    if isinstance(answer, Prediction):
        return {"model": f"{answer.model}:{answer.version}", **parts_of(_named(answer))}
    if is_table(answer):
        cells = answer.astype(object)
        return cells.where(cells.notna(), None).to_dict("records")
    if is_pil_image(answer):
        return {"data": base64.b64encode(encoded_image(answer)).decode()}
    return answer.tolist() if isinstance(answer, np.ndarray) else answer


def _named(answer: AnyPrediction) -> AnyPrediction:
    """Give an answer that knows its names, or that there are none.

    An endpoint may ask a model that its server describes to nobody.
    """
    try:
        names = answer.targets if isinstance(answer, Regression) else answer.classes
    except CallError:
        names = ()
    return answer.signed(answer.model, answer.version, answer.warnings, lambda: names)
