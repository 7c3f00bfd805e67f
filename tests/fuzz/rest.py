"""Requests of the Open Inference Protocol over HTTP, made odd: their JSON, bytes and paths."""

import asyncio
import gzip
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any
from urllib.parse import quote

import pandas as pd

from tests.end_to_end.inference import CONTENTS, raw, request, tensors

from .mutation import broken
from .verdict import inside_of
from .web import MARK, ODD, head, marked
from .wire import Script

LENGTH = "inference-header-content-length"
_LONGEST = 60.0
# What may be said of a request that somebody made up; no 5xx but what is not served.
_OK, _REFUSALS = 200, {400, 404, 405, 415, 421, 429, 501}
_OF_THE_PARSER = (b"Invalid HTTP request received.", b"Method Not Allowed", b"Not Found")
_NAMES: Sequence[str] = (
    *("", ".", "..", "nobody", "latest", "a:b", "a/b", "%", "\0", "\n", "caf\u00e9", "\U0001f608"),
    *("*", "?x=1", "#", "a" * 5000, "__proto__", "stats", "versions", "ready", " ", "'\"", "-1"),
)
_NUMBERS: Sequence[Any] = (
    *(0, 1, -1, 2, 8, 2**31, 2**62, 2**63, 2**64, 10**400, 1.5, math.nan, True, None, "1", []),
)
_PARAMETERS: Sequence[tuple[str, Any]] = (
    *(("binary_data_output", one) for one in (True, *_NUMBERS)),
    *(("binary_data", one) for one in (True, False, *_NUMBERS)),
    *(("binary_data_size", one) for one in _NUMBERS),
    ("shared_memory_region", "mine"),
    ("shared_memory_byte_size", 2**63),
    ("classification", 3),
    ("sequence_id", 2**64),
    ("timeout", -1),
    ("", None),
    ("\ud800", {"a": [1]}),
)


@dataclass(frozen=True)
class Asked:
    """A request to infer.

    Attributes:
        path: where it goes.
        body: its JSON.
        behind: the bytes of its binary tensors.
        lines: its headers.
    """

    path: str
    body: Any
    behind: bytes = b""
    lines: tuple[str, ...] = ()

    def script(self, data: bytes | None = None) -> Script:
        """Write it; `data` in the place of its JSON."""
        told = json.dumps(self.body).encode() if data is None else data
        lines = [*self.lines, f"{LENGTH}: {len(told)}"] if self.behind else self.lines
        return _sent(self.path, told + self.behind, *lines)


def _sent(path: str, data: bytes, *lines: str, method: str = "POST") -> Script:
    length = f"content-length: {len(data)}"
    return [head(length, "connection: close", *lines, path=path, method=method) + data]


@dataclass(frozen=True)
class Requests:
    """What is mutated: what models take, in JSON and in bytes.

    Attributes:
        items: those of each model.
    """

    items: Mapping[str, Sequence[Any]]
    _seeds: list[Asked] = field(default_factory=list)

    def __post_init__(self) -> None:
        for name, some in self.items.items():
            plain = [dict(one) if isinstance(one, pd.Series) else one for one in some]
            batches = [plain] if isinstance(plain[0], str | dict) else []
            for batch in [*batches, *([one] for one in plain)]:
                arrays = tensors(batch)
                self._seeds.extend(_asked(name, arrays, binary) for binary in (False, True))

    def script(self, seed: int, index: int) -> tuple[str, Script]:
        """Give how one request is odd, and what is sent."""
        random = Random(f"{seed}/rest/{index}")
        make_odd = random.choice(ODDITIES)
        return make_odd.__name__, make_odd(self._seeds, random)

    async def send(self, target: str, seed: int, index: int) -> None:
        """Send one request, and look at its answer.

        Raises:
            TimeoutError: there was none in time.
            OSError: no connection is to be had.
            AssertionError: it is none that the protocol has.
        """
        host, _, port = target.rpartition(":")
        name, pieces = self.script(seed, index)
        async with asyncio.timeout(_LONGEST):
            own = (f"127.0.0.{1 + index % 250}", 0)
            reader, writer = await asyncio.open_connection(host, int(port), local_addr=own)
            try:
                writer.writelines(pieces)
                check(name, await reader.read())
            finally:
                writer.transport.abort()


def _asked(model: str, arrays: Mapping[str, Any], binary: bool) -> Asked:
    inputs, behind = [], b""
    for one in request("", arrays).inputs:
        told: dict[str, Any] = {"name": one.name, "datatype": one.datatype}
        told["shape"] = list(one.shape)
        array = arrays[one.name]
        if binary:
            told["parameters"] = {"binary_data_size": len(raw(array))}
            behind += raw(array)
        else:
            told["data"] = [_plain(element) for element in array.reshape(-1).tolist()]
        inputs.append(told)
    return Asked(f"/v2/models/{model}/infer", {"inputs": inputs}, behind)


def _plain(element: Any) -> Any:
    return element.decode("latin-1") if isinstance(element, bytes) else element


def odd_values(seeds: Sequence[Asked], random: Random) -> Script:
    """Have something odd stand in the JSON."""
    asked = random.choice(seeds)
    told = json.dumps(marked(asked.body, random)).encode()
    return asked.script(told.replace(json.dumps(MARK).encode(), random.choice(ODD)))


def broken_json(seeds: Sequence[Asked], random: Random) -> Script:
    asked = random.choice(seeds)
    told = json.dumps(asked.body).encode()
    for _ in range(random.randint(1, 3)):
        told = broken(told, b'{"inputs": [], "id": "', random)
    return asked.script(told)


def broken_tensors(seeds: Sequence[Asked], random: Random) -> Script:
    """Break the bytes of binary tensors, or tell wrong sizes of them."""
    asked = random.choice([one for one in seeds if one.behind])
    behind = broken(asked.behind, random.choice(seeds).behind, random)
    if random.random() < 0.5:
        return replace(asked, behind=behind).script()
    told = json.dumps(asked.body).encode()
    length = random.choice((0, -1, len(told) - 1, len(told) + len(behind), 2**63, "x", "1e3", ""))
    return _sent(asked.path, told + behind, f"{LENGTH}: {length}")


def odd_tensors(seeds: Sequence[Asked], random: Random) -> Script:
    """Send tensors that contradict what they tell, each other, or what the model takes."""
    asked, other = random.choice(seeds), random.choice(seeds)
    inputs = [dict(one) for one in asked.body["inputs"]]
    for _ in range(random.randint(1, 3)):
        one = random.choice(inputs)
        match random.randrange(7):
            case 0:
                one["datatype"] = random.choice([*CONTENTS, "FP16", "BF16", "bool", "", "OBJECT"])
            case 1:
                one["shape"] = [random.choice(_NUMBERS) for _ in range(random.randrange(4))]
            case 2:
                one["name"] = random.choice(other.body["inputs"])["name"] + random.choice(
                    ("", "__null", "_1")
                )
            case 3 if "data" in one:
                one["data"] = random.choice((one["data"] * 2, one["data"][:-1], [one["data"]]))
            case 4 if "data" in one:
                at = random.randrange(len(one["data"]) or 1)
                one["data"] = [*one["data"][:at], random.choice(_NUMBERS), *one["data"][at + 1 :]]
            case 5:
                inputs = [*inputs, random.choice(other.body["inputs"])]
            case _:
                inputs.remove(one)
                inputs = inputs or [{}]
    path = random.choice((asked.path, other.path))
    return replace(asked, path=path, body={"inputs": inputs}).script()


def odd_parameters(seeds: Sequence[Asked], random: Random) -> Script:
    """Ask for outputs that there are not, in ways that there are not."""
    asked = random.choice(seeds)
    parameters = dict(random.choices(_PARAMETERS, k=random.randint(1, 3)))
    names = ("label", "index", "probabilities", "values", "mask", "points", "output_1.label", "x")
    told = [
        {"name": random.choice(names), "parameters": dict([random.choice(_PARAMETERS)])}
        for _ in range(random.randrange(4))
    ]
    inputs = [dict(one) for one in asked.body["inputs"]]
    if random.random() < 0.3:
        random.choice(inputs)["parameters"] = parameters
    body = {"inputs": inputs, "outputs": told, "parameters": parameters, "id": "7"}
    return replace(asked, body=body).script()


def odd_paths(seeds: Sequence[Asked], random: Random) -> Script:
    """Ask elsewhere; what is changed has names that there are not."""
    name, other = random.choice(_NAMES), random.choice(_NAMES)
    known = random.choice(seeds).path.split("/")[3]
    paths = (
        *(f"/v2/models/{{}}{end}" for end in ("", "/ready", "/config", "/stats", "/infer", "/")),
        f"/v2/models/{known}/versions/{{}}/infer",
        f"/v2/models/{{}}/versions/{quote(other, safe='')}",
        *("/v2/repository/models/{}/load", "/v2/repository/models/{}/unload"),
        *("/v2/repository/index", "/v2/repository/{}/index", "/v2/{}", "/v2{}", "//v2/{}"),
        *("/v2/systemsharedmemory/region/{}/register", "/v2/logging", "/v2/trace/setting"),
    )
    told = random.choice((quote(name), quote(name, safe=""), name.replace(" ", "").strip()))
    told = told.replace("\0", "%00").replace("\n", "%0a")
    method = random.choice(("GET", "POST", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"))
    body = random.choice((b"", b"{}", b"[]", b'{"parameters": {"config": "{}"}}', b'{"ready": 1}'))
    path = random.choice(paths).format(told).encode(errors="replace").decode("latin-1")
    return _sent(path, body, method=method)


def odd_compression(seeds: Sequence[Asked], random: Random) -> Script:
    """Compress what has binary tensors, and be wrong about it."""
    asked = random.choice(seeds)
    told = json.dumps(asked.body).encode()
    packed = gzip.compress(told + asked.behind, 1, mtime=0)
    packed = random.choice((packed, packed, packed[:-5], packed * 2, broken(packed, b"", random)))
    length = random.choice((len(told), len(told), len(packed), 10**9, 0))
    coding = random.choice(("gzip", "gzip", "GZIP", "deflate", "identity", "br"))
    lines = [f"content-encoding: {coding}", "accept-encoding: gzip", f"{LENGTH}: {length}"]
    return _sent(asked.path, packed, *lines)


ODDITIES: Sequence[Callable[[Sequence[Asked], Random], Script]] = (
    odd_values,
    broken_json,
    broken_tensors,
    odd_tensors,
    odd_parameters,
    odd_paths,
    odd_compression,
)


def check(name: str, heard: bytes) -> None:
    """Look at the answer to one request.

    Raises:
        AssertionError: it is none that the protocol has.
    """
    start, _, body = heard.partition(b"\r\n\r\n")
    assert start.startswith(b"HTTP/1.1 "), f"no HTTP: {heard[:200]!r}"
    status = int(start[9:12])
    if b"\r\nlocation: http://localhost/" in start:  # of a folder of pages, as `//v2/..` is
        return
    assert status == _OK or status in _REFUSALS, f"{heard[:500]!r}"
    if not body or body in _OF_THE_PARSER or b"text/html" in start:
        return
    try:
        if status == _OK:
            _check_outputs(*_parts(start, body))
            return
        told = json.loads(body)
    except ValueError:
        raise AssertionError(f"no JSON: {heard[:500]!r}") from None
    # What is not ready is told so, as Triton does.
    problem = told.get("error") or told.get("message") or ("ready" in told and "not ready")
    assert problem, f"without a word: {heard[:500]!r}"
    assert not (inside := inside_of(problem)), f"an answer {inside}: {heard[:500]!r}"


def _parts(start: bytes, body: bytes) -> tuple[Any, int]:
    """Give the JSON of an answer, and how many bytes there are behind it."""
    if b"\r\ncontent-encoding: gzip" in start:
        body = gzip.decompress(body)
    told = re.search(rf"\r\n{LENGTH}: (\d+)".encode(), start)
    end = int(told[1]) if told else len(body)
    return json.loads(body[:end]), len(body) - end


def _check_outputs(told: Any, behind: int) -> None:
    """See that an answer is as it says."""
    if not isinstance(told, dict) or "outputs" not in told or "model_name" not in told:
        return
    for one in told["outputs"]:
        if "data" in one:
            assert len(one["data"]) == math.prod(one["shape"]), one
        else:
            behind -= one["parameters"]["binary_data_size"]
    assert behind == 0, told
