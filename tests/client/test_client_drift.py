"""Clients read how a model's items have drifted."""

import pytest
from google.protobuf import json_format
from learnwire.v1 import model_service_pb2 as pb
from learnwire_client import CallError, Client, ModelDrift
from learnwire_client.drift import DriftBin, decode_drift
from learnwire_client.testing import FakeServer

from .serving import Models, serving

BIRDS = {
    "version": "v2",
    "items": 1000,
    "sentences": ["mass: 31 % above what training saw"],
    "features": [
        {
            "name": "mass",
            "kind": "FEATURE_KIND_COLUMN",
            "count": 1000,
            "stability_index": 0.4,
            "outside_share": 0.25,
            "bins": [{"upper_bound": 0.0, "share": 0.0, "training_share": 0.5}, {"share": 1.0}],
            "sentence": "mass: 31 % above what training saw",
        },
        {
            "name": "class",
            "kind": "FEATURE_KIND_CLASS",
            "count": 1000,
            "bins": [{"category": 3, "share": 1.0, "mean_probability": 0.75}],
        },
    ],
}
PAGE = """\
birds:v2, the last 1000 items
mass: 31 % above what training saw
         index  null  unknown  outside
  mass   0.40   0 %   0 %      25 %
  class  -      0 %   0 %      0 %"""


def of_birds(name: str) -> pb.ModelDrift:
    return json_format.ParseDict({**BIRDS, "model": name}, pb.ModelDrift())


def test_a_client_reads_the_drift_of_a_model() -> None:
    with serving(models=Models(get_drift=of_birds)) as target, Client(target) as client:
        found = client.drift("birds")
    assert isinstance(found, ModelDrift)
    assert (found.tag, found.items, found.untold) == ("birds:v2", 1000, "")
    mass, classes = found.features
    assert found.columns == {"mass": mass}
    assert (mass.stability_index, classes.stability_index) == (0.4, None)
    assert mass.bins == (
        DriftBin(0.0, None, 0.0, 0.5, None, None),
        DriftBin(None, None, 1.0, None, None, None),
    )
    assert classes.bins == (DriftBin(None, 3, 1.0, None, 0.75, None),)
    assert repr(found) == PAGE
    assert "<th" in found._repr_html_()


def test_what_is_not_known_is_told_first() -> None:
    message = of_birds("birds")
    message.untold = "it was saved before"
    del message.sentences[:]
    assert repr(decode_drift(message)).splitlines()[1:3] == [
        "what training looked like is not known: it was saved before",
        "nothing has drifted, as far as that can be told",
    ]


def test_an_older_server_has_none() -> None:
    with (
        serving(models=Models()) as target,
        Client(target) as client,
        pytest.raises(CallError, match="Method not found"),
    ):
        client.drift("birds")


def test_a_fake_server_has_counted_nothing() -> None:
    with FakeServer({"birds": 1.0}) as server, Client(server.target) as client:
        assert client.drift("birds").items == 0
