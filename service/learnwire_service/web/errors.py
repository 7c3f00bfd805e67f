"""Statuses as each protocol writes them."""

import base64
import json
from typing import Any
from urllib.parse import quote

from google.protobuf import json_format
from google.rpc import code_pb2, error_details_pb2, status_pb2

# What a status is in HTTP, as Connect has it, by the number of its code.
_HTTP = {1: 499, 3: 400, 4: 504, 5: 404, 6: 409, 7: 403, 8: 429, 9: 400, 10: 409, 11: 400}
_HTTP |= {12: 501, 14: 503, 16: 401}
_OTHERWISE = 500
_PLAIN = " !\"#$&'()*+,-./:;<=>?@[\\]^_`{|}~"
_PREFIX = "type.googleapis.com/"
_DETAILS = {
    f"{_PREFIX}{one.DESCRIPTOR.full_name}": one
    for one in (
        error_details_pb2.BadRequest,
        error_details_pb2.ErrorInfo,
        error_details_pb2.RetryInfo,
    )
}


def http_status(status: status_pb2.Status) -> int:
    """Give a status's HTTP code."""
    return _HTTP.get(status.code, _OTHERWISE)


def connect_error(status: status_pb2.Status) -> dict[str, Any]:
    """Give a status as Connect's JSON has it, its details also in words."""
    name = "canceled" if status.code == code_pb2.CANCELLED else code_pb2.Code.Name(status.code)
    error: dict[str, Any] = {"code": name.lower(), "message": status.message}
    if status.details:
        error["details"] = [_detail(one) for one in status.details]
    return error


def connect_json(status: status_pb2.Status) -> bytes:
    """Write a status as Connect's JSON."""
    return json.dumps(connect_error(status), ensure_ascii=False).encode()


def trailers(status: status_pb2.Status | None) -> bytes:
    """Write a status, None for OK, as the trailers of gRPC-Web."""
    if status is None:
        return b"grpc-status: 0\r\n"
    details = base64.b64encode(status.SerializeToString()).rstrip(b"=").decode()
    lines = {
        "grpc-status": str(status.code),
        "grpc-message": quote(status.message, safe=_PLAIN),
        "grpc-status-details-bin": details,
    }
    return "".join(f"{name}: {value}\r\n" for name, value in lines.items()).encode()


def _detail(packed: Any) -> dict[str, Any]:
    name = packed.type_url.removeprefix(_PREFIX)
    value = base64.b64encode(packed.value).rstrip(b"=").decode()
    detail: dict[str, Any] = {"type": name, "value": value}
    if (kind := _DETAILS.get(packed.type_url)) is not None:
        detail["debug"] = json_format.MessageToDict(kind.FromString(packed.value))
    return detail
