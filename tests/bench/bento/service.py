"""What BentoML serves: an endpoint for each model, as its fastai guide has it."""

from typing import Any

import bentoml
import pandas as pd
from bentoml.io import JSON, Text

_penguins = bentoml.fastai.get("bench-penguins").to_runner()
_text = bentoml.fastai.get("bench-text").to_runner()


async def penguins(row: dict[str, Any]) -> dict[str, Any]:
    """Answer a row."""
    _, _, probabilities = await _penguins.predict.async_run(pd.Series(row))
    return {"probabilities": probabilities.tolist()}


async def text(content: str) -> dict[str, Any]:
    """Answer a text."""
    _, _, probabilities = await _text.predict.async_run(content)
    return {"probabilities": probabilities.tolist()}


svc = bentoml.legacy.Service("bench", runners=[_penguins, _text])
svc.api(input=JSON(), output=JSON(), route="penguins")(penguins)
svc.api(input=Text(), output=JSON(), route="text")(text)
