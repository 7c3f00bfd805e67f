"""The Learnwire client: predictions of served fastai Learners, without fastai.

Usage:
    from learnwire_client import Client

    with Client("localhost:50051") as client:
        label, index, probabilities = client.predict("imdb", "What a film!")
        for answer in client.predict_many("imdb", films): ...
        for answer in client.predict_stream("imdb", as_they_come()): ...
        probabilities = client.call("classify_text", "What a film!")

`AsyncClient` is the same for asyncio.
"""

from importlib.metadata import version

from .async_client import AsyncClient
from .channel import ChannelOptions
from .client import Client
from .drift import ModelDrift
from .endpoint import Endpoint, EndpointStatistics
from .errors import (
    CallError,
    DeadlineExceeded,
    EndpointNotFound,
    InvalidInput,
    ModelNotFound,
    NotFound,
    PermissionDenied,
    ResourceExhausted,
    ServerFailed,
    Unauthenticated,
    Unavailable,
    Violation,
)
from .learner import AsyncRemoteLearner, RemoteLearner
from .loaded import LoadedModel
from .model import Model, ModelSummary
from .prediction import Mask, MultiLabel, Prediction, Regression, SingleLabel
from .statistics import ModelStatistics, ServerStatistics

__version__ = version("learnwire")

__all__ = [
    "AsyncClient",
    "AsyncRemoteLearner",
    "CallError",
    "ChannelOptions",
    "Client",
    "DeadlineExceeded",
    "Endpoint",
    "EndpointNotFound",
    "EndpointStatistics",
    "InvalidInput",
    "LoadedModel",
    "Mask",
    "Model",
    "ModelDrift",
    "ModelNotFound",
    "ModelStatistics",
    "ModelSummary",
    "MultiLabel",
    "NotFound",
    "PermissionDenied",
    "Prediction",
    "Regression",
    "RemoteLearner",
    "ResourceExhausted",
    "ServerFailed",
    "ServerStatistics",
    "SingleLabel",
    "Unauthenticated",
    "Unavailable",
    "Violation",
    "__version__",
]
