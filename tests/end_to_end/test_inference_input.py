"""What tensors may be: wrong ones are refused by their names, and null is told beside columns."""

from collections.abc import Iterator, Mapping
from typing import Any

import grpc
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from learnwire.inference import v2_pb2 as pb
from learnwire_client import Client

from tests.conftest import Trained
from tests.end_to_end.inference import Stub, arrays_of, objects, request, tensors

NULLABLE = ("sex", "bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g")


@pytest.fixture(scope="module")
def stub(target: str) -> Iterator[Stub]:
    with grpc.insecure_channel(target) as channel:
        yield Stub(channel)


@pytest.fixture
def penguin(penguins: Trained) -> dict[str, Any]:
    """The tensors of two whole rows."""
    whole = [dict(row) for row in penguins.items if all(cell == cell for cell in row)]
    return tensors(whole[:2])


def refusal(stub: Stub, message: pb.ModelInferRequest) -> str:
    with pytest.raises(grpc.RpcError) as caught:
        stub.ModelInfer(message)
    error: Any = caught.value
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT, error
    return str(error.details()).removeprefix("the input does not fit the model: ")


def told(stub: Stub, message: pb.ModelInferRequest) -> tuple[Any, str]:
    response = stub.ModelInfer(message)
    return arrays_of(response)["probabilities"], response.parameters["warnings"].string_param


def without(arrays: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: array for name, array in arrays.items() if name not in names}


def text(*texts: bytes) -> dict[str, Any]:
    return {"text": objects(texts)}


def test_only_the_outputs_that_are_asked_for_come_in_their_order(stub: Stub) -> None:
    message = request("sentiment", text(b"fine"), "probabilities", "label")
    assert list(arrays_of(stub.ModelInfer(message))) == ["probabilities", "label"]
    twice = request("sentiment", text(b"fine"), "label", "label")
    assert refusal(stub, twice) == (
        'outputs[1].name: expected one of "label", "index", "probabilities", got "label" twice'
    )
    unknown = request("sentiment", text(b"fine"), "scores")
    assert 'outputs[0].name: expected one of "label", ' in refusal(stub, unknown)
    ranked = request("sentiment", text(b"fine"), "label")
    ranked.outputs[0].parameters["classification"].int64_param = 3
    assert refusal(stub, ranked) == 'outputs["label"].parameters: classification is not served here'


def test_a_matrix_is_refused_where_columns_hold_texts(stub: Stub) -> None:
    assert refusal(stub, request("penguins", {"rows": np.zeros((2, 7))})) == (
        'inputs["rows"]: "island", "sex" hold no numbers: send an input for each column'
    )


def test_what_is_left_out_is_null(stub: Stub, client: Client, penguin: dict[str, Any]) -> None:
    found, warnings = told(stub, request("penguins", without(penguin, *NULLABLE)))
    row = {"island": penguin["island"][0].decode(), "year": int(penguin["year"][0])}
    row |= dict.fromkeys(NULLABLE)
    np.testing.assert_array_equal(found[0], client.predict("penguins", row).probabilities)
    assert warnings == "left out, and taken as null: " + ", ".join(f'"{one}"' for one in NULLABLE)
    assert refusal(stub, request("penguins", without(penguin, "island"))) == (
        'inputs["island"]: expected BYTES, got nothing: the input is missing'
    )


def test_null_is_a_bool_beside_a_column_or_nan(
    stub: Stub, client: Client, penguin: dict[str, Any]
) -> None:
    masked = penguin | {"sex__null": np.array([True, False]), "sex": objects([b"", b"male"])}
    masked["bill_length_mm"] = np.array([40.0, np.nan])
    found, _ = told(stub, request("penguins", masked))
    for i, (sex, bill) in enumerate([(None, 40.0), ("male", None)]):
        row = {name: array[i] for name, array in penguin.items()}
        row = {name: one.decode() if isinstance(one, bytes) else one for name, one in row.items()}
        row |= {"sex": sex, "bill_length_mm": bill}
        answer = client.predict("penguins", row)
        np.testing.assert_allclose(found[i], answer.probabilities, rtol=1e-6)
    everywhere = without(penguin, "sex") | {"sex__null": np.array([True, True])}
    assert '"sex"' in told(stub, request("penguins", everywhere))[1]


@pytest.mark.parametrize(
    ("mask", "why"),
    [
        ({"sex__null": np.array([True])}, 'inputs["sex__null"].shape: expected 2 items as in'),
        ({"sx__null": np.array([True, True])}, 'inputs["sx__null"]: expected "island", '),
        ({"sex__null": np.array([1, 0])}, 'inputs["sex__null"].datatype: expected BOOL, got INT64'),
        (
            {"island__null": np.array([True, False])},
            'inputs["island"][0]: expected a string, got null',
        ),
    ],
)
def test_a_wrong_mask_is_refused(
    stub: Stub, penguin: dict[str, Any], mask: dict[str, Any], why: str
) -> None:
    assert refusal(stub, request("penguins", penguin | mask)).startswith(why)
    some = without(penguin, "sex") | {"sex__null": np.array([True, False])}
    assert "expected true in all rows" in refusal(stub, request("penguins", some))


@pytest.mark.parametrize("word", ["None", "nan", ""])
def test_what_clients_make_of_a_missing_text_is_refused_with_advice(
    stub: Stub, penguin: dict[str, Any], word: str
) -> None:
    penguin["sex"] = objects([b"male", word.encode()])
    assert refusal(stub, request("penguins", penguin)) == (
        f'inputs["sex"][1]: expected a string, got "{word}", which clients make of a missing '
        'value; for null send a BOOL input "sex__null" that is true in such rows, or leave the '
        "input out where all rows are null"
    )


def test_numbers_come_in_every_type_that_holds_them(stub: Stub, penguin: dict[str, Any]) -> None:
    penguin = penguin | {"body_mass_g": np.array([3550.0, 120.0]), "year": np.array([2007, 2008])}
    expected, _ = told(stub, request("penguins", penguin))
    for dtype in (np.int16, np.uint32, np.int64, np.uint64, np.float16, np.float32):
        for name in ("body_mass_g", "year"):
            other = penguin | {name: penguin[name].astype(dtype)}
            found, _ = told(stub, request("penguins", other))
            np.testing.assert_array_equal(found, expected)
    for array in (np.array([True, False]), objects([b"1", b"2"])):
        assert 'inputs["year"].datatype: expected INT64' in refusal(
            stub, request("penguins", penguin | {"year": array})
        )
    half = penguin | {"year": np.array([2007.5, 2008.0])}
    assert refusal(stub, request("penguins", half)).startswith(
        'inputs["year"][0]: expected an integer within 2^53, got 2007.5'
    )


def raw_request(model: str, *inputs: tuple[str, str, list[int], bytes]) -> pb.ModelInferRequest:
    message = pb.ModelInferRequest(model_name=model)
    for name, datatype, shape, data in inputs:
        message.inputs.add(name=name, datatype=datatype, shape=shape)
        message.raw_input_contents.append(data)
    return message


ONE = b"\x04\0\0\0fine"


@pytest.mark.parametrize(
    ("inputs", "why"),
    [
        ([], "inputs: expected those of the model, got none"),
        ([("txt", "BYTES", [1], ONE)], 'inputs["txt"]: expected "text", got an input of another'),
        ([("", "BYTES", [1], ONE)], "inputs[0].name: expected a name of its own, got none"),
        ([("text", "BYTES", [1], ONE)] * 2, 'inputs[1].name: expected a name of its own, got "te'),
        ([("text", "FP32", [1], ONE)], 'inputs["text"].datatype: expected BYTES, got FP32'),
        ([("text", "STRING", [1], ONE)], 'inputs["text"].datatype: expected one of BOOL, INT8'),
        ([("text", "BF16", [1], b"ab")], 'inputs["text"].datatype: expected one of BOOL, INT8'),
        ([("text", "BYTES", [], ONE)], 'inputs["text"].shape: expected a batch of 1 item or more'),
        ([("text", "BYTES", [0], b"")], 'inputs["text"].shape: expected a batch of 1 item or mo'),
        ([("text", "BYTES", [-1], ONE)], 'inputs["text"].shape: expected no negative dimension'),
        ([("text", "BYTES", [2**62, 4], ONE)], 'inputs["text"].shape: expected at most'),
        ([("text", "BYTES", [2**32, 2**32], ONE)], 'inputs["text"].shape: expected at most'),
        ([("text", "BYTES", [1, 2], ONE * 2)], 'inputs["text"].shape: expected [n] or [n, 1]'),
        ([("text", "BYTES", [1] * 40, ONE)], 'inputs["text"].shape: expected at most 32'),
        ([("text", "BYTES", [2], ONE)], 'inputs["text"]: expected 2 elements, got a cut one at 1'),
        ([("text", "BYTES", [1], ONE + b"x")], 'inputs["text"]: expected 1 elements, got 1 bytes'),
        ([("text", "BYTES", [1], b"\xff" * 8)], 'inputs["text"]: expected 1 elements, got a cut'),
        ([("text", "BYTES", [1], b"\1\0\0\0\xff")], 'inputs["text"][0]: expected UTF-8'),
        ([("text", "BYTES", [65_537], ONE)], 'inputs["text"].shape: expected at most 65536 items'),
    ],
)
def test_a_wrong_text_tensor_is_refused_by_name(stub: Stub, inputs: list[Any], why: str) -> None:
    assert refusal(stub, raw_request("sentiment", *inputs)).startswith(why)


@pytest.mark.parametrize(
    ("shape", "datatype", "data", "why"),
    [
        ([1, 8, 8], "UINT8", b"\0" * 63, 'inputs["array"]: expected 64 bytes for shape [1, 8, 8]'),
        ([8, 8], "UINT8", b"\0" * 64, None),
        ([1, 8], "FP64", b"\0" * 64, 'inputs["array"].datatype: expected UINT8, or BYTES of'),
        ([2], "BYTES", ONE + ONE, 'inputs["array"][0]: expected an encoded image'),
        ([1], "BYTES", b"\0" * 4, 'inputs["array"]: expected '),
        ([1, 2, 2, 2, 2], "UINT8", b"\0" * 16, 'inputs["array"].shape: behind the batch expected'),
    ],
)
def test_a_wrong_image_is_refused_by_name(
    stub: Stub, shape: list[int], datatype: str, data: bytes, why: str | None
) -> None:
    found = refusal(stub, raw_request("digits", ("array", datatype, shape, data)))
    assert found.startswith(why or 'inputs["array"]')


def test_contents_are_for_their_datatype_and_never_beside_raw_ones(
    stub: Stub, penguin: dict[str, Any]
) -> None:
    message = request("penguins", penguin, typed=True)
    message.raw_input_contents.append(b"")
    assert refusal(stub, message) == (
        f"raw_input_contents: expected one entry for each of {len(penguin)} inputs, got 1"
    )
    message.raw_input_contents.extend([b""] * (len(penguin) - 1))
    assert "contents: expected nothing beside raw_input_contents" in refusal(stub, message)
    short, wrong, two = (request("sentiment", text(b"fine"), typed=True) for _ in range(3))
    short.inputs[0].shape[0] = 2
    assert refusal(stub, short) == (
        'inputs["text"].contents.bytes_contents: expected 2 elements for shape [2], got 1'
    )
    two.inputs[0].contents.fp32_contents.append(1)
    assert refusal(stub, two) == (
        'inputs["text"].contents: expected the elements of BYTES in bytes_contents, '
        "got [fp32_contents, bytes_contents]"
    )
    wrong.inputs[0].contents.Clear()
    wrong.inputs[0].contents.int_contents.append(1)
    assert "in bytes_contents, got [int_contents]" in refusal(stub, wrong)


def test_integers_beyond_their_datatype_are_refused(stub: Stub, penguin: dict[str, Any]) -> None:
    message = request("penguins", penguin | {"year": np.array([7, 8], np.int8)}, typed=True)
    [year] = [one for one in message.inputs if one.name == "year"]
    year.contents.int_contents[1] = 300
    assert refusal(stub, message) == (
        'inputs["year"]: expected numbers that int8 can hold, got 300'
    )
    year.datatype, year.contents.int_contents[:] = "FP16", []
    assert refusal(stub, message) == 'inputs["year"]: expected FP16 in raw_input_contents'


def test_shared_memory_is_refused_by_the_tensor_that_is_in_it(stub: Stub) -> None:
    message = request("sentiment", text(b"fine"))
    message.inputs[0].parameters["shared_memory_region"].string_param = "mine"
    assert "no memory is shared here" in refusal(stub, message)


def test_warnings_name_the_items_that_they_are_of(stub: Stub, penguin: dict[str, Any]) -> None:
    penguin["sex"] = objects([b"male", b"unheard of"])
    _, warnings = told(stub, request("penguins", penguin))
    assert warnings == (
        'item 1: column "sex": the string "unheard of" was not seen at training and was treated '
        "as missing"
    )


DATATYPES = ("BOOL", "INT8", "INT64", "UINT8", "UINT64", "FP16", "FP32", "FP64", "BYTES", "X", "")
anything = st.builds(
    lambda model, inputs, extra: (model, inputs, extra),
    st.sampled_from(["sentiment", "penguins", "digits"]),
    st.lists(
        st.tuples(
            st.sampled_from(["text", "array", "rows", "year", "sex", "sex__null", "island", ""]),
            st.sampled_from(DATATYPES),
            st.lists(st.sampled_from([-1, 0, 1, 2, 3, 8, 2**31, 2**62]), max_size=4),
            st.binary(max_size=70),
        ),
        max_size=4,
    ),
    st.binary(max_size=40),
)


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(anything)
def test_no_tensors_make_the_server_fail(stub: Stub, made: Any) -> None:
    model, inputs, extra = made
    message = raw_request(model, *inputs)
    if extra:
        message.MergeFromString(_valid(extra))
    try:
        stub.ModelInfer(message)
    except grpc.RpcError as error:
        refused: Any = error
        assert refused.code() is grpc.StatusCode.INVALID_ARGUMENT, (message, refused)


def _valid(data: bytes) -> bytes:
    try:
        return pb.ModelInferRequest.FromString(data).SerializeToString()
    except Exception:  # noqa: BLE001 - most bytes are no message
        return b""
