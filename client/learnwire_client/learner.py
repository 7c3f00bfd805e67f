"""A served model that behaves as a local Learner."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .inputs import Value
from .prediction import AnyPrediction

if TYPE_CHECKING:
    from .async_client import AsyncClient
    from .client import Client


@dataclass(frozen=True)
class RemoteLearner:
    """Stands where a local Learner stood.

    Usage:
        learner = client.learner("penguins")  # was: load_learner("penguins.pkl")
        label, index, probabilities = learner.predict(row)

    Attributes:
        client: what makes the calls.
        model: the model's name, as in `Client.predict`.
    """

    client: "Client"
    model: str

    def predict(self, value: Value) -> AnyPrediction:
        """Predict one item; see `Client.predict`."""
        return self.client.predict(self.model, value)


@dataclass(frozen=True)
class AsyncRemoteLearner:
    """A RemoteLearner on an event loop; its attributes are the same.

    Usage: `label, index, probabilities = await client.learner("penguins").predict(row)`
    """

    client: "AsyncClient"
    model: str

    async def predict(self, value: Value) -> AnyPrediction:
        """Predict one item; see `Client.predict`."""
        return await self.client.predict(self.model, value)
