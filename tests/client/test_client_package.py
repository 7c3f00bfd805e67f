import subprocess
import sys

import learnwire_client

PROGRAM = """
import sys
from learnwire_client import Client, ChannelOptions

with Client("127.0.0.1:1", options=ChannelOptions(retries=0)) as client:
    for value in ({"a": 1}, [1]):
        try:
            client.predict("m", value)
        except Exception:
            pass
        try:
            client.call("e", value)
        except Exception:
            pass
heavy = {"fastai", "fastcore", "narwhals", "pandas", "torch", "tqdm", "learnwire_service"}
print(*sorted(heavy & sys.modules.keys()))
"""


def test_the_client_loads_neither_fastai_nor_torch_nor_pandas() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ""


def test_all_is_sorted_and_there() -> None:
    names = learnwire_client.__all__
    assert names == sorted(names)
    assert all(hasattr(learnwire_client, name) for name in names)


def test_all_is_small() -> None:
    assert set(learnwire_client.__all__) == {
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
    }
