from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from google.protobuf import json_format
from learnwire.v1 import model_service_pb2 as pb
from learnwire_client import Client, Model, ServerFailed
from learnwire_client.descriptions import decode_model, decode_summary
from learnwire_client.model import Column, Plan

from tests.client.serving import Models, serving

PENGUINS = {
    "name": "penguins",
    "version": "v2",
    "versions": [
        {"version": "v2", "state": "MODEL_STATE_READY", "createTime": "2026-10-11T10:12:13Z"},
        {"version": "v1", "state": "MODEL_STATE_LOADING"},
    ],
    "tabular": {
        "columns": [
            {
                "name": "island",
                "type": "COLUMN_TYPE_STRING",
                "categories": ["Biscoe", "Dream"],
                "nullable": True,
                "unknownCategories": "UNKNOWN_CATEGORIES_REFUSE",
                "example": "Dream",
            },
            {
                "name": "bill_length_mm",
                "type": "COLUMN_TYPE_FLOAT",
                "typicalMin": 33.25,
                "typicalMax": 54.5,
                "example": 39.1,
            },
            {
                "name": "year",
                "type": "COLUMN_TYPE_INTEGER",
                "categories": [2007, 2008],
                "unknownCategories": "UNKNOWN_CATEGORIES_WARN",
                "example": 2007,
            },
            {"name": "seen", "type": "COLUMN_TYPE_TIMESTAMP", "example": "2024-05-31T12:00:00"},
        ]
    },
    "singleLabel": {"classes": ["Adelie", "Chinstrap", "Gentoo"]},
    "provenance": {
        "createTime": "2026-10-11T10:12:13Z",
        "libraryVersions": {"torch": "2.13.0", "fastai": "2.8.12"},
        "labels": {"team": "birds"},
        "metadata": {"accuracy": 0.5},
        "verified": True,
    },
    "plan": {"name": "loader", "reasons": ["tabular: the callback Gate is not known"]},
}
PAGE = """\
penguins:v2
takes a row of 4 columns
  column          type       null  values
  island          string     yes   Biscoe, Dream; others refused
  bill_length_mm  float      no    33.25 to 54.5, such as 39.1
  year            integer    no    2007, 2008
  seen            timestamp  no    such as 2024-05-31T12:00:00
answers one of 3 classes: Adelie, Chinstrap, Gentoo
predicted by the plan loader; no faster one serves:
  tabular: the callback Gate is not known
saved 2026-10-11 10:12 UTC with fastai 2.8.12, torch 2.13.0
labels team=birds
verified: it answered its golden examples as when it was saved
versions v2, v1 (loading)"""


def message(fields: dict[str, Any]) -> pb.Model:
    return json_format.ParseDict(fields, pb.Model())


def model(**fields: Any) -> Model:
    return decode_model(message({"name": "m", "version": "v1", **fields}))


def test_a_client_describes_a_model() -> None:
    models = Models((), lambda name: message({**PENGUINS, "name": name}))
    with serving(models=models) as target, Client(target) as client:
        described = client.model("birds")
    assert isinstance(described, Model)
    assert (described.name, described.version, described.tag) == ("birds", "v2", "birds:v2")
    assert described.message == message({**PENGUINS, "name": "birds"})


def test_a_row_is_described_column_by_column() -> None:
    island, bill, year, seen = decode_model(message(PENGUINS)).input.columns
    assert island == Column(
        "island",
        "string",
        ("Biscoe", "Dream"),
        refuses_unknown=True,
        nullable=True,
        example="Dream",
    )
    assert bill == Column(
        "bill_length_mm", "float", typical_min=33.25, typical_max=54.5, example=39.1
    )
    assert (year.categories, year.example, year.refuses_unknown) == ((2007, 2008), 2007, False)
    assert all(type(category) is int for category in year.categories)
    assert seen.type == "timestamp"


def test_versions_and_provenance_are_told() -> None:
    described = decode_model(message(PENGUINS))
    saved = datetime(2026, 10, 11, 10, 12, 13, tzinfo=UTC)
    assert [(v.name, v.created, v.ready) for v in described.versions] == [
        ("v2", saved, True),
        ("v1", None, False),
    ]
    assert described.provenance.created == saved
    assert described.provenance.library_versions == {"torch": "2.13.0", "fastai": "2.8.12"}
    assert described.provenance.labels == {"team": "birds"}
    assert described.provenance.metadata == {"accuracy": 0.5}
    assert described.provenance.verified


def test_a_description_is_a_page_to_read() -> None:
    assert repr(decode_model(message(PENGUINS))) == PAGE


def test_the_plan_is_told_where_the_server_tells_it() -> None:
    described = decode_model(message(PENGUINS))
    assert described.plan == Plan("loader", ("tabular: the callback Gate is not known",))
    fast = model(plan={"name": "text"})
    assert fast.plan == Plan("text")
    assert repr(fast).endswith("\npredicted by the plan text")
    older = model()
    assert older.plan is None
    assert "predicted by" not in repr(older)


ARRAY = {
    "shape": [-1, -1, 3],
    "dataType": "DATA_TYPE_UINT8",
    "axes": ["height", "width", "channels"],
    "typicalShape": [8, 8, 3],
    "encoded": True,
}
LABEL = {"singleLabel": {"classes": ["a", "b"]}}
NUMBER = {"regression": {"targets": ["price"]}}


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        ({"text": {"maxChars": 1000}}, "takes a text of at most 1000 characters"),
        (
            {"array": ARRAY},
            "takes an image, encoded or as an array: uint8 [height any, width any, channels 3], "
            "typically [8, 8, 3]",
        ),
        (
            {"severalArrays": {"arrays": [{"shape": [2], "dataType": "DATA_TYPE_FLOAT32"}] * 2}},
            "takes 2 arrays: float32 [2], float32 [2]",
        ),
        ({}, "takes an input of a kind that this client does not know"),
        (
            {"multiLabel": {"classes": ["a", "b"], "threshold": 0.5}},
            "answers those whose probability is above 0.5 of 2 classes: a, b",
        ),
        (NUMBER, "answers 1 number: price"),
        (
            {"arrays": {"names": ["mask"], "classes": ["sky"]}},
            "answers 1 array: mask; of 1 class: sky",
        ),
        ({"arrays": {"names": ["points"]}}, "answers 1 array: points"),
        (
            {"several": {"outputs": [LABEL, NUMBER]}},
            "answers 2 outputs: one of 2 classes: a, b; 1 number: price",
        ),
        ({}, "answers in a way that this client does not know"),
        (
            {"singleLabel": {"classes": [str(i) for i in range(120)]}},
            "answers one of 120 classes: 0, 1, 2, 3, 4, 5, 6, 7 and 112 more",
        ),
    ],
)
def test_each_kind_has_its_line(fields: dict[str, Any], line: str) -> None:
    assert line in repr(model(**fields)).splitlines()


def test_arrays_are_described() -> None:
    image = model(array=ARRAY).input
    assert (image.kind, image.shape, image.dtype) == ("array", (-1, -1, 3), np.dtype(np.uint8))
    assert (image.axes, image.typical_shape) == (("height", "width", "channels"), (8, 8, 3))
    several = model(severalArrays={"arrays": [ARRAY, ARRAY]}).input
    assert (several.kind, several.arrays) == ("several_arrays", (image, image))
    strings = model(array={"dataType": "DATA_TYPE_STRING"}).input
    assert strings.dtype == np.dtype(object)


def test_outputs_are_described() -> None:
    labels = model(multiLabel={"classes": ["a"], "threshold": 0.25}).output
    assert (labels.kind, labels.classes, labels.threshold) == ("multi_label", ("a",), 0.25)
    assert model(**NUMBER).output.targets == ("price",)
    assert model(arrays={"names": ["mask"]}).output.arrays == ("mask",)
    several = model(several={"outputs": [LABEL, NUMBER]}).output
    assert [head.kind for head in several.heads] == ["single_label", "regression"]


def test_kinds_of_a_later_contract_are_empty() -> None:
    newer = pb.Model(name="m")
    newer.array.data_type = 99  # type: ignore[assignment]  # the point
    assert decode_model(newer).input.dtype is None
    assert (model().input.kind, model().output.kind) == ("", "")


def test_a_description_that_cannot_be_read_is_a_failure_of_the_server() -> None:
    bad = message({"tabular": {"columns": [{"name": "x", "example": [1]}]}})
    models = Models((), lambda name: bad)
    with (
        serving(models=models) as target,
        Client(target) as client,
        pytest.raises(ServerFailed, match="cannot be read"),
    ):
        client.model("m")


def test_a_summary_is_shown_on_one_line() -> None:
    fields = {key: PENGUINS[key] for key in ("name", "version", "versions")}
    summary = decode_summary(json_format.ParseDict(fields, pb.ModelSummary()))
    assert repr(summary) == "<penguins: v2, v1 (loading)>"
    assert (summary.name, summary.version) == ("penguins", "v2")
