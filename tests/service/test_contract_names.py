"""What protobuf calls models, columns and classes."""

import keyword
from itertools import permutations

import pytest
from hypothesis import given
from learnwire_service.contracts.fields import new_fields, new_values
from learnwire_service.contracts.names import package_name, snake

from .signatures import UGLY, names


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("bill_length_mm", "bill_length_mm"),
        ("PassengerId", "passenger_id"),
        ("HTTPServer", "http_server"),
        ("education-num", "education_num"),
        ("Größe (m²)", "grosse_m2"),
        ("Œuvre d'Łódź", "oeuvre_d_lodz"),
        (">=50k", "greater_than_equal_50k"),
        ("<50k", "less_than_50k"),
        ("-1", "minus_1"),
        ("x-1", "x_1"),
        ("C++ & R", "c_plus_plus_and_r"),
        ("#na#", "na"),
        ("возраст", ""),
        ("", ""),
    ],
)
def test_what_people_write_stays_readable(text: str, spelled: str) -> None:
    assert snake(text) == spelled


def named(*originals: str) -> dict[str, tuple[str, str]]:
    fields = new_fields((), originals, "column")
    return {one.original: (one.name, one.json_name) for one in fields}


@pytest.mark.parametrize(
    ("original", "name"),
    [
        ("island", "island"),
        ("class", "class_column"),
        ("None", "none_column"),
        ("self", "self_column"),
        ("linux", "linux_column"),
        ("bitField0", "bit_field0_column"),
        ("com", "com_column"),
        ("2024", "column_2024"),
        ("", "column_1"),
        ("年齢", "column_1"),
        ("x" * 300, "x" * 60),
    ],
)
def test_a_field_has_a_name_that_every_language_reaches(original: str, name: str) -> None:
    assert named(original)[original][0] == name


def test_an_identifier_keeps_its_name_whatever_stands_before_it() -> None:
    assert named("a b", "A B", "a_b") == {
        "a b": ("a_b_2", "a b"),
        "A B": ("a_b_3", "A B"),
        "a_b": ("a_b", "aB"),
    }


def test_a_name_that_a_language_makes_of_a_siblings_is_not_given() -> None:
    # `has_x()` in C++, `getXBytes()` and `getXBuilder()` in Java.
    some = named("garage", "has_garage", "has_pool", "text", "text_bytes", "text_builder", "bytes")
    assert [name for name, _ in some.values()] == [
        *("garage", "has_garage_2", "has_pool", "text", "text_bytes_2", "text_builder_2", "bytes"),
    ]


def test_the_json_name_is_the_original_unless_protobuf_or_a_sibling_forbids_it() -> None:
    assert named("Bill (mm)", "[x]", "nul\0", "", "a_b", "aB") == {
        "Bill (mm)": ("bill_mm", "Bill (mm)"),
        "[x]": ("x", "x"),
        "nul\0": ("nul", "nul"),
        "": ("column_4", "column4"),
        "a_b": ("a_b", "aB"),
        "aB": ("a_b_2", "aB2"),
    }


def test_a_name_that_is_a_siblings_json_name_is_not_given() -> None:
    first = new_fields((), ["a b"], "column")
    second = new_fields(first, ["a_b"], "column")
    assert [(one.name, one.json_name, one.number) for one in (*first, *second)] == [
        ("a_b", "a b", 1),
        ("a_b_2", "aB2", 2),
    ]


@given(names(40))
def test_names_are_unique_however_they_are_compared(originals: tuple[str, ...]) -> None:
    fields = new_fields((), originals, "column")
    assert [one.original for one in fields] == list(originals)
    assert [one.number for one in fields] == list(range(1, len(originals) + 1))
    assert len({one.name.replace("_", "") for one in fields}) == len(fields)
    assert len({one.json_name for one in fields}) == len(fields)
    assert not any(one.name == other.json_name for one, other in permutations(fields, 2))
    assert not {one.name for one in fields} & set(keyword.kwlist)


@given(names(20), names(20))
def test_a_later_sibling_renames_nothing(first: tuple[str, ...], second: tuple[str, ...]) -> None:
    fields = new_fields((), first, "column")
    later = new_fields(fields, [*second, *first], "column")
    assert {one.original for one in later} == {*second} - {*first}
    taken = {one.name for one in fields} | {one.json_name for one in fields}
    assert not taken & {name for one in later for name in (one.name, one.json_name)}


def test_numbers_that_protobuf_keeps_for_itself_are_left_out() -> None:
    fields = new_fields((), [f"x{i}" for i in range(19_002)], "column")
    assert [one.number for one in fields][18_998:] == [18_999, 20_000, 20_001, 20_002]


def test_names_that_fold_to_the_same_are_numbered_at_once() -> None:
    # Half a minute for each, were every number tried again.
    originals = ["x" * 60 + str(i) for i in range(8_000)]
    values, fields = new_values((), originals), new_fields((), originals, "column")
    assert values[-1].name == "X" * 60 + "_8000"
    assert fields[-1].name == "x" * 60 + "_8000"


def test_a_class_is_never_the_unspecified_value() -> None:
    values = new_values((), ["unspecified", "class", "2024", "", "1.5", "15"])
    assert [(one.name, one.number) for one in values] == [
        ("UNSPECIFIED_2", 1),
        ("CLASS", 2),
        ("2024", 3),
        ("CLASS_4", 4),
        ("1_5", 5),
        ("15_2", 6),
    ]


def test_a_class_is_never_what_java_calls_the_number_of_another() -> None:
    values = new_values((), ["low", "low value", "value", "unspecified value"])
    assert [one.name for one in values] == ["LOW", "LOW_VALUE_2", "VALUE", "UNSPECIFIED_VALUE_2"]


@given(names(20), names(20))
def test_a_later_class_renames_nothing(first: tuple[str, ...], second: tuple[str, ...]) -> None:
    values = new_values((), first)
    both = [*values, *new_values(values, second)]
    assert len({one.name.replace("_", "") for one in both}) == len({*first, *second})
    assert [one.number for one in both] == list(range(1, len(both) + 1))


def test_models_that_differ_in_signs_alone_have_packages_of_their_own() -> None:
    given: list[str] = []
    odd = ("2024", "class", "public", "google", "internal", "std", "fun", "v1")
    for model in ("my-model", "my.model", "my_model", *odd):
        given.append(package_name(model, given))
    assert given == [
        *("my_model", "my_model_2", "my_model_3", "model_2024", "class_model", "public_model"),
        *("google_model", "internal_model", "std_model", "fun_model", "v1"),
    ]


def test_all_ugly_names_together_are_told_apart() -> None:
    assert len(named(*UGLY)) == len(UGLY)
