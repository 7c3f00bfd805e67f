"""A service around several models: a text classifier, a tabular one, and rules of one's own.

It needs the demo's models `sentiment` and `penguins`. Serve it with
`learnwire serve examples/several_runners_service.py:svc`.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

import learnwire_service as lw
import pandas as pd


class Sizes(lw.Runnable):
    """Tells how large penguins are; no fastai Learner is needed for that.

    Args:
        heavy: from how many grams on a penguin is large.
    """

    def __init__(self, heavy: float) -> None:
        self._heavy = heavy

    @lw.Runnable.method(batchable=True)
    def sizes(self, grams: list[float]) -> list[str]:
        """Name each size; penguins that are asked about at the same time come together."""
        return ["large" if mass >= self._heavy else "small" for mass in grams]


sentiment = lw.get("sentiment").to_runner()
penguins = lw.get("penguins").to_runner()
sizes = lw.Runner(Sizes, {"heavy": 4500.0})

svc = lw.Service("penguin_reviews", runners=[sentiment, penguins, sizes])

PENGUIN = lw.TabularRow(
    dtypes={
        "island": "str",
        "sex": "str",
        "year": "int64",
        "bill_length_mm": "float64",
        "bill_depth_mm": "float64",
        "flipper_length_mm": "float64",
        "body_mass_g": "float64",
    }
)
REVIEW = lw.Text(max_chars=10_000)


@svc.api(
    input={"penguin": PENGUIN, "review": REVIEW},
    output=lw.TabularRow(
        dtypes={"species": "str", "size": "str", "review": "str", "probability": "float64"}
    ),
)
async def describe(penguin: "pd.Series[Any]", review: str) -> dict[str, Any]:
    """Tell a penguin's species and size, and whether its review is a good one."""
    if pd.isna(penguin["body_mass_g"]):
        raise lw.EndpointError(
            "FAILED_PRECONDITION", "this penguin has not been weighed", reason="NOT_WEIGHED"
        )
    species, mood, [size] = await asyncio.gather(
        penguins.predict.async_run(penguin),
        sentiment.predict.async_run(review),
        sizes.sizes.async_run([penguin["body_mass_g"]]),
    )
    return {
        "species": species.label,
        "size": size,
        "review": mood.label,
        "probability": mood.probabilities[mood.index],
    }


@svc.api(input=PENGUIN, output=lw.Prediction())
def species(penguin: "pd.Series[Any]") -> Any:
    """Tell a penguin's species, as the model itself answers."""
    return penguins.predict.run(penguin)


@svc.api(
    input=REVIEW,
    output=lw.TabularRow(dtypes={"sentence": "str", "review": "str", "probability": "float64"}),
)
async def sentences(review: str) -> AsyncIterator[dict[str, Any]]:
    """Tell of each sentence whether it is a good one, as soon as it has been read."""
    for sentence in filter(None, re.split(r"(?<=[.!?])\s+", review.strip())):
        label, index, probabilities = await sentiment.predict.async_run(sentence)
        yield {"sentence": sentence, "review": label, "probability": probabilities[index]}
