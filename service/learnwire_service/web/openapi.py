"""What a caller may call, as an OpenAPI 3.1 document."""

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

from google.protobuf.descriptor import MethodDescriptor
from google.rpc import code_pb2

from ..rpc.catalogue import Offered
from ..rpc.contracts import VERSION_KEY
from ..rpc.lot import KEY
from .schemas import REFERENCE, Comments, Schema, Schemas

_ERROR = "connect.error"
_ERROR_SCHEMA: Schema = {
    "type": "object",
    "description": "Why a call failed, as Connect has it.",
    "required": ["code", "message"],
    "properties": {
        "code": {
            "type": "string",
            "enum": [
                "canceled" if name == "CANCELLED" else name.lower()
                for name, number in code_pb2.Code.items()
                if number
            ],
        },
        "message": {"type": "string"},
        "details": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "type": {"type": "string"},
                    "value": {"type": "string", "contentEncoding": "base64"},
                    "debug": {"type": "object"},
                },
            },
        },
    },
}
_JSON, _LINES = "application/json", "application/x-ndjson"
_VERSION = {
    "name": VERSION_KEY,
    "in": "header",
    "required": False,
    "description": "The version that is to answer, or a unique prefix of its name.",
    "schema": {"type": "string"},
}
_KEY = {
    "name": KEY,
    "in": "header",
    "required": False,
    "description": "Who has the same key is answered by the same version, where calls are divided.",
    "schema": {"type": "string"},
}


def document(offered: Sequence[Offered], *, asks_for_tokens: bool) -> dict[str, Any]:
    """Describe methods; those that take a stream of requests are left out.

    Args:
        offered: the methods, as the caller may call them.
        asks_for_tokens: whether callers show a token.
    """
    schemas = Schemas()
    paths = {
        one.path: {"post": _operation(one, schemas)}
        for one in offered
        if not one.method.client_streaming
    }
    components: dict[str, Any] = {"schemas": {**schemas.found, _ERROR: _ERROR_SCHEMA}}
    told: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {
            "title": "Learnwire",
            "version": version("learnwire"),
            "description": "Models and endpoints that this server answers with.",
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": components,
    }
    if asks_for_tokens:
        components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        told["security"] = [{"token": []}]
    return told


def _operation(offered: Offered, schemas: Schemas) -> dict[str, Any]:
    method, said = offered.method, Comments(offered.file)
    answer = schemas.of(method.output_type, said)
    operation: dict[str, Any] = {
        "operationId": _id_of(method),
        "tags": [method.containing_service.full_name],
        "requestBody": {
            "required": True,
            "content": {_JSON: {"schema": schemas.of(method.input_type, said)}},
        },
        "responses": {
            "200": {
                "description": "The answers, one a line." if _streams(method) else "The answer.",
                "content": {_LINES if _streams(method) else _JSON: {"schema": answer}},
            },
            "default": {
                "description": "Why there is none.",
                "content": {_JSON: {"schema": {"$ref": f"{REFERENCE}{_ERROR}"}}},
            },
        },
    }
    if comment := said.of(method.full_name):
        operation["summary"] = comment
    if offered.file is not None:
        operation["parameters"] = [_VERSION, _KEY]
    return operation


def _streams(method: MethodDescriptor) -> bool:
    return bool(method.server_streaming)


def _id_of(method: MethodDescriptor) -> str:
    return method.full_name.replace(".", "_")
