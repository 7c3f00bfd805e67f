"""The Learnwire client: predictions of served fastai Learners, without fastai.

Usage:
    from learnwire_client import Client

    with Client("localhost:50051") as client:
        label, index, probabilities = client.predict("imdb", "What a film!")
"""

from importlib.metadata import version

from .channel import ChannelOptions
from .client import Client
from .errors import (
    CallError,
    DeadlineExceeded,
    InvalidInput,
    ModelNotFound,
    ResourceExhausted,
    ServerFailed,
    Unavailable,
    Violation,
)
from .learner import RemoteLearner
from .prediction import Mask, MultiLabel, Prediction, Regression, SingleLabel

__version__ = version("learnwire")

__all__ = [
    "CallError",
    "ChannelOptions",
    "Client",
    "DeadlineExceeded",
    "InvalidInput",
    "Mask",
    "ModelNotFound",
    "MultiLabel",
    "Prediction",
    "Regression",
    "RemoteLearner",
    "ResourceExhausted",
    "ServerFailed",
    "SingleLabel",
    "Unavailable",
    "Violation",
    "__version__",
]
