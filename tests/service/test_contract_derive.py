"""What a contract is made of, and how the messages of its versions understand each other."""

from typing import Any

import pytest
from google.protobuf import descriptor_pool, json_format, message_factory
from google.protobuf.descriptor_pb2 import DescriptorProto, FileDescriptorProto
from google.protobuf.message import Message
from learnwire.v1 import arrays_pb2, options_pb2
from learnwire_service.contracts.contract import Contract, Field
from learnwire_service.contracts.derive import derive
from learnwire_service.contracts.render import render
from learnwire_service.signature.specs import (
    ArrayInput,
    ArraysInput,
    CellType,
    Column,
    InputSpec,
    MaskOutput,
    MultiLabelOutput,
    OutputSpec,
    PointsOutput,
    RegressionOutput,
    SeveralOutput,
    Signature,
    SingleLabelOutput,
    TabularInput,
    TextInput,
)

from .signatures import lock_with

SPECIES = SingleLabelOutput(classes=("Adelie", "Gentoo"))
ISLAND = Column(
    name="Island", type=CellType.STRING, nullable=True, categories=("Biscoe", "Dream", "Torgersen")
)
MASS = Column(
    name="body mass (g)", type=CellType.FLOAT, nullable=False, typical_range=(2600.0, 5700.5)
)
YEAR = Column(name="year", type=CellType.INTEGER, nullable=True)
WHEN = Column(name="when", type=CellType.TIMESTAMP, nullable=True)
RINGED = Column(name="ringed", type=CellType.BOOL, nullable=True)


def row(*columns: Column, output: OutputSpec = SPECIES) -> Signature:
    return Signature(input=TabularInput(columns=columns), output=output)


def contracts(*versions: Signature) -> list[Contract]:
    lock = lock_with(*versions, model="my-birds", package="my_birds")
    return [derive(lock, f"v{i}", signature) for i, signature in enumerate(versions, 1)]


def message_of(contract: Contract, name: str) -> DescriptorProto:
    return next(one for one in contract.file.message_type if one.name == name)


def fields_of(contract: Contract, name: str) -> list[tuple[str, int]]:
    return [(one.name, one.number) for one in message_of(contract, name).field]


def make(contract: Contract, name: str) -> Any:
    """Make a message of a contract, as a stub of it would."""
    pool = descriptor_pool.DescriptorPool()
    known = descriptor_pool.Default()

    def add(file: str) -> None:
        proto = FileDescriptorProto()
        known.FindFileByName(file).CopyToProto(proto)
        for dependency in proto.dependency:
            add(dependency)
        pool.Add(proto)

    for file in contract.file.dependency:
        add(file)
    pool.Add(contract.file)
    full = f"{contract.file.package}.{name}"
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(full))()


def test_a_row_has_a_typed_field_for_each_column() -> None:
    (contract,) = contracts(row(ISLAND, MASS, YEAR, WHEN, RINGED))
    assert contract.file.name == "learnwire/models/my_birds/v1/my_birds_service.proto"
    assert contract.service == "learnwire.models.my_birds.v1.MyBirdsService"
    assert contract.inputs == (
        Field("Island", "island", 1),
        Field("body mass (g)", "body_mass_g", 2),
        Field("year", "year", 3),
        Field("when", "when", 4),
        Field("ringed", "ringed", 5),
    )
    request = make(contract, "PredictRequest")
    json_format.Parse('{"Island": "Dream", "body mass (g)": 0, "ringed": false}', request)
    assert (request.island, request.body_mass_g, request.ringed) == ("Dream", 0.0, False)
    assert [one.name for one, _ in request.ListFields()] == ["island", "body_mass_g", "ringed"]


def test_the_text_says_what_a_cell_may_hold() -> None:
    (contract,) = contracts(row(ISLAND, MASS))
    text = render(contract.file)
    assert (
        '  // The column "Island": a string, may be unset, which is null. One of "Biscoe", '
        '"Dream",\n'
        '  // "Torgersen".\n'
        "  optional string island = 1 [\n"
        '    json_name = "Island",\n'
        '    (learnwire.v1.original_name) = "Island"\n'
        "  ];\n"
        '  // The column "body mass (g)": a number, required. Typically 2600 to 5700.5.\n'
        "  optional double body_mass_g = 2 [\n"
    ) in text
    assert "`learnwire-version`" in text


def test_the_originals_stand_in_options_that_reflection_tells() -> None:
    (contract,) = contracts(row(ISLAND, YEAR))
    island, year = message_of(contract, "PredictRequest").field
    assert island.options.Extensions[options_pb2.original_name] == "Island"
    assert not year.options.HasExtension(options_pb2.original_name)
    (service,) = contract.file.service
    assert service.options.Extensions[options_pb2.original_model] == "my-birds"
    (enum,) = contract.file.enum_type
    assert [
        (one.name, one.number, one.options.Extensions[options_pb2.original_class])
        for one in enum.value
    ] == [
        ("CATEGORY_UNSPECIFIED", 0, ""),
        ("CATEGORY_ADELIE", 1, "Adelie"),
        ("CATEGORY_GENTOO", 2, "Gentoo"),
    ]


def test_a_retired_column_is_reserved_and_what_old_stubs_send_there_is_passed_over() -> None:
    old, new = contracts(row(ISLAND, MASS), row(RINGED, MASS))
    assert fields_of(new, "PredictRequest") == [("body_mass_g", 2), ("ringed", 3)]
    request = message_of(new, "PredictRequest")
    assert list(request.reserved_name) == ["island"]
    assert [(one.start, one.end) for one in request.reserved_range] == [(1, 2)]
    assert (
        '  // Retired, and ignored when sent: the column "Island".\n'
        "  reserved 1;\n"
        '  reserved "island";\n'
    ) in render(new.file)

    sent = make(old, "PredictRequest")
    sent.island, sent.body_mass_g = "Dream", 4000.0
    got = make(new, "PredictRequest")
    got.ParseFromString(sent.SerializeToString())
    assert (got.body_mass_g, got.HasField("ringed")) == (4000.0, False)


def test_an_older_versions_contract_has_the_columns_of_that_version() -> None:
    old, new = contracts(row(ISLAND, MASS), row(RINGED, MASS))
    assert old.service == new.service
    assert fields_of(old, "PredictRequest") == [("island", 1), ("body_mass_g", 2)]
    # Not yet given, rather than retired.
    assert list(message_of(old, "PredictRequest").reserved_name) == []


def test_a_new_class_is_a_number_to_old_stubs_and_its_name_is_in_the_label() -> None:
    chinstrap = SingleLabelOutput(classes=("Adelie", "Chinstrap", "Gentoo"))
    before = lock_with(row(MASS))
    old = derive(before, "v1", row(MASS))
    _, new = contracts(row(MASS), row(MASS, output=chinstrap))
    assert new.heads[0].categories == {"Adelie": 1, "Gentoo": 2, "Chinstrap": 3}
    sent = make(new, "PredictResponse")
    sent.category, sent.label, sent.index = 3, "Chinstrap", 1
    got = make(old, "PredictResponse")
    got.ParseFromString(sent.SerializeToString())
    assert (got.category, got.label, got.index) == (3, "Chinstrap", 1)


def taking(spec: InputSpec) -> Contract:
    (contract,) = contracts(Signature(input=spec, output=SPECIES))
    return contract


def array(dtype: str, **more: Any) -> ArrayInput:
    return ArrayInput(shape=(3, -1), dtype=dtype, axes=("channel", "time"), **more)


def test_a_text_is_a_string() -> None:
    contract = taking(TextInput())
    assert contract.inputs == (Field("text", "text", 1),)
    request = make(contract, "PredictRequest")
    request.text = "Ein Film"
    assert json_format.MessageToDict(request) == {"text": "Ein Film"}


@pytest.mark.parametrize(
    ("dtype", "message"),
    [
        ("float16", arrays_pb2.FloatArray),
        ("float32", arrays_pb2.FloatArray),
        ("float64", arrays_pb2.DoubleArray),
        ("int8", arrays_pb2.IntArray),
        ("uint32", arrays_pb2.IntArray),
        ("int64", arrays_pb2.IntArray),
        ("uint8", arrays_pb2.ByteArray),
        ("bool", arrays_pb2.BoolArray),
        ("object", arrays_pb2.StringArray),
    ],
)
def test_an_array_has_the_message_of_its_elements(dtype: str, message: type[Message]) -> None:
    contract = taking(array(dtype))
    (field,) = message_of(contract, "PredictRequest").field
    assert (field.name, field.type_name) == ("array", f".{message.DESCRIPTOR.full_name}")
    assert (
        f"// An array of {dtype} and of the shape [3, -1] (channel, time); -1 is any size."
        in render(contract.file)
    )


def test_several_arrays_have_a_field_each() -> None:
    contract = taking(ArraysInput(arrays=(array("float32"), array("int64"))))
    assert fields_of(contract, "PredictRequest") == [("array_1", 1), ("array_2", 2)]


def test_an_array_that_may_be_an_encoded_image_says_so() -> None:
    text = render(taking(array("uint8", encoded=True)).file)
    assert "Or an encoded" in text


@pytest.mark.parametrize(
    ("output", "fields"),
    [
        (SPECIES, [("category", 1), ("label", 2), ("index", 3), ("probabilities", 4)]),
        (
            MultiLabelOutput(classes=("a",), threshold=0.5),
            [("categories", 1), ("labels", 2), ("mask", 3), ("probabilities", 4)],
        ),
        (RegressionOutput(targets=("x",)), [("values", 1)]),
        (MaskOutput(classes=("sky",)), [("mask", 1), ("probabilities", 2)]),
        (PointsOutput(count=2), [("points", 1), ("decoded", 2), ("raw", 3)]),
        (SeveralOutput(heads=(SPECIES, SPECIES)), [("output_1", 16), ("output_2", 17)]),
    ],
)
def test_an_answer_has_the_fields_of_its_kind(
    output: OutputSpec, fields: list[tuple[str, int]]
) -> None:
    (contract,) = contracts(row(MASS, output=output))
    common = [("warnings", 14), ("model_version", 15)]
    assert fields_of(contract, "PredictResponse") == [*fields, *common]


def test_numbers_are_fields_in_the_order_in_which_they_first_came() -> None:
    before = RegressionOutput(targets=("b c", "a"))
    _, contract = contracts(
        row(MASS, output=before), row(MASS, output=RegressionOutput(targets=("a", "new", "b c")))
    )
    assert fields_of(contract, "Values") == [("b_c", 1), ("a", 2), ("new", 3)]
    (head,) = contract.heads
    assert head.targets == (Field("a", "a", 2), Field("new", "new", 3), Field("b c", "b_c", 1))


def test_each_of_several_outputs_has_its_own_message_and_enum() -> None:
    heads = (SPECIES, RegressionOutput(targets=("x",)), SPECIES)
    (contract,) = contracts(row(MASS, output=SeveralOutput(heads=heads)))
    assert [head.output for head in contract.heads] == ["output_1", "output_2", "output_3"]
    assert fields_of(contract, "Output2") == [("values", 1)]
    assert fields_of(contract, "Output2Values") == [("x", 1)]
    assert [one.name for one in contract.file.enum_type] == ["Output1Category", "Output3Category"]
    assert contract.file.enum_type[1].value[2].name == "OUTPUT3_CATEGORY_GENTOO"
