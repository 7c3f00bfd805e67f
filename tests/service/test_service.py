"""How a service is written, and what is refused while it is."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

import grpc
import learnwire_service as lw
import pytest
from learnwire_client.errors import Violation

TEXT = lw.Text()


def nothing() -> str:
    return ""


def one(text: str) -> str:
    return text.upper()


def two(text: str, *, more: str = "") -> str:
    return text + more


def generator(text: str) -> Iterator[str]:
    yield text


def add(function: Any, /, **said: Any) -> lw.Service:
    service = lw.Service("s")
    service.api(**{"output": TEXT, **said})(function)
    return service


def test_a_decorated_function_stays_as_it_was() -> None:
    service = lw.Service("s")

    @service.api(input=TEXT, output=TEXT)
    async def shout(text: str) -> str:
        """Shout."""
        return text.upper()

    @service.api(input=TEXT, output=TEXT, name="by-letter")
    async def letters(text: str) -> AsyncIterator[str]:
        for letter in text:
            yield letter

    assert service.api(input=TEXT, output=TEXT)(one) is one
    assert asyncio.run(shout("a")) == "A"
    assert list(service.endpoints) == ["shout", "by-letter", "one"]
    assert service.endpoints["shout"].description == "Shout."
    assert [endpoint.streams for endpoint in service.endpoints.values()] == [False, True, False]
    assert [endpoint.is_async for endpoint in service.endpoints.values()] == [True, False, False]
    assert repr(service) == "Service('s', endpoints shout, by-letter, one)"


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (one, {"input": TEXT}),
        (two, {"input": TEXT}),
        (two, {"input": {"text": TEXT}}),
        (two, {"input": {"more": TEXT, "text": TEXT}}),
        (nothing, {}),
        (nothing, {"input": {}}),
        (lambda **named: "", {"input": {"a": TEXT, "b": TEXT}, "name": "any"}),
    ],
)
def test_inputs_are_the_functions_parameters(function: Any, said: dict[str, Any]) -> None:
    assert len(add(function, **said).endpoints) == 1


@pytest.mark.parametrize(
    ("function", "said", "problem"),
    [
        (one, {}, "one: expected a function that takes the inputs (none), got one(text: str)"),
        (nothing, {"input": TEXT}, "expected a function that takes one input, got nothing()"),
        (one, {"input": {"txet": TEXT}}, "takes the inputs txet, got one(text: str)"),
        (two, {"input": {"more": TEXT}}, "missing a required argument: 'text'"),
        (str, {"input": TEXT}, "got <class 'str'>, which does not say"),
        (generator, {"input": TEXT}, "or an async generator to stream with, got a generator"),
        (one, {"input": lw.Text}, "input: expected a descriptor such as lw.Text(), got the class"),
        (one, {"input": {"text": "str"}}, "input text: expected a descriptor such as lw.Text()"),
        (nothing, {"output": None}, "output: expected a descriptor such as lw.Text(), got None"),
        ("one", {"input": TEXT}, "expected a function to make an endpoint of, got 'one'"),
        (one, {"input": TEXT, "name": 3}, "expected the name of an endpoint as str, got 3"),
    ],
)
def test_what_is_no_endpoint_is_refused_where_it_is_written(
    function: Any, said: dict[str, Any], problem: str
) -> None:
    with pytest.raises(TypeError, match=re.escape(problem)):
        add(function, **said)


def test_names_must_be_writable_and_of_their_own() -> None:
    with pytest.raises(ValueError, match="a name of an endpoint such as classify_text, got 'a b'"):
        add(nothing, name="a b")
    with pytest.raises(ValueError, match="a name of a service such as classify_text, got ''"):
        lw.Service("")
    with pytest.raises(ValueError, match="expected names of parameters, got 'a b'"):
        add(one, input={"a b": TEXT})
    service = add(nothing)
    with pytest.raises(ValueError, match="service s: two endpoints are named nothing"):
        service.api(output=TEXT)(nothing)


@pytest.mark.parametrize("runner", ["penguins", lw.LearnerRunner, None])
def test_only_runners_are_runners(runner: Any) -> None:
    with pytest.raises(TypeError, match="runners: expected runners, as to_runner gives"):
        lw.Service("s", runners=[runner])


def test_an_endpoints_error_has_a_canonical_code_and_a_reason_for_programs() -> None:
    error = lw.EndpointError("ABORTED", "too late", metadata={"n": "1"}, violations=[("a", "b")])
    assert (error.code, str(error), error.reason) == ("ABORTED", "too late", "ENDPOINT_ERROR")
    assert (error.metadata, error.violations) == ({"n": "1"}, (Violation("a", "b"),))
    for code in (grpc.StatusCode.NOT_FOUND, "not_found", "Not_Found", "NOT_FOUND"):
        assert lw.EndpointError(code, "x").code == "NOT_FOUND"
    no_codes: list[Any] = ["OK", grpc.StatusCode.OK, "404", 404, None]
    for no_code in no_codes:
        with pytest.raises(ValueError, match="code: expected one of CANCELLED, UNKNOWN"):
            lw.EndpointError(no_code, "x")
    no_reasons: list[Any] = ["too late", "no_film", "", "9", None, "A" * 64]
    for reason in no_reasons:
        with pytest.raises(ValueError, match="reason: expected a word in capitals"):
            lw.EndpointError("ABORTED", "x", reason=reason)
    with pytest.raises(TypeError, match=r"expected a fault as \(field, description\), got 'text'"):
        lw.EndpointError("ABORTED", "x", violations=["text"])  # type: ignore[list-item]


def test_an_input_is_refused_with_a_sentence_or_with_its_faults() -> None:
    plain = lw.InvalidInput("age: must be positive")
    assert (str(plain), plain.violations) == ("age: must be positive", ())
    field = lw.InvalidInput("must be positive", field="input.row")
    assert str(field) == "input.row: must be positive"
    assert field.violations == (Violation("input.row", "must be positive"),)
    both = lw.InvalidInput([("a", "b"), Violation("c", "d")], "the shop")
    assert both.message == "the input does not fit the shop: a: b"
    assert str(both) == "the input does not fit the shop: a: b\n  c: d"
    assert both.violations == (Violation("a", "b"), Violation("c", "d"))
    with pytest.raises(ValueError, match="one fault at least, got none"):
        lw.InvalidInput([])
    with pytest.raises(TypeError, match="expected a fault as"):
        lw.InvalidInput(["age"])  # type: ignore[list-item]
