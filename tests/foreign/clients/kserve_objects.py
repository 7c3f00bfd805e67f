"""Reads objects of KServe into its own classes: a field that they do not have is a fault.

Usage: `python kserve_objects.py FILE ...`, in an environment with kserve.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kserve
import yaml  # type: ignore[import-untyped, unused-ignore]
from kubernetes import client as kubernetes

KINDS = {
    "ServingRuntime": kserve.models.V1alpha1ServingRuntime,
    "InferenceService": kserve.V1beta1InferenceService,
}


def faults(kind: Any, told: Any, path: str) -> Iterator[str]:
    """Give what in an object is no field of its class, or lacks what the class requires."""
    names = {json_name: name for name, json_name in kind.attribute_map.items()}
    for json_name, value in told.items():
        if json_name not in names:
            yield f"{path}.{json_name} is no field of {kind.__name__}"
        else:
            type_name = kind.openapi_types[names[json_name]]
            yield from of_type(type_name, value, f"{path}.{json_name}")


def of_type(type_name: str, value: Any, path: str) -> Iterator[str]:
    if type_name.startswith("list["):
        for i, one in enumerate(value):
            yield from of_type(type_name[5:-1], one, f"{path}[{i}]")
    elif type_name.startswith("dict("):
        for key, one in value.items():
            yield from of_type(type_name[5:-1].partition(", ")[2], one, f"{path}.{key}")
    elif (kind := class_of(type_name)) is not None:
        yield from faults(kind, value, path)
    elif type_name in ("str", "int", "bool"):
        wanted = {"str": str, "int": int, "bool": bool}[type_name]
        if not isinstance(value, wanted):
            yield f"{path}: expected {type_name}, got {value!r}"


def class_of(name: str) -> Any:
    found = getattr(kserve.models, name, None) or getattr(kubernetes, name, None)
    return found if hasattr(found, "attribute_map") else None


if __name__ == "__main__":
    found = [
        fault
        for file in sys.argv[1:]
        for told in yaml.safe_load_all(Path(file).read_text())
        for fault in faults(KINDS[told["kind"]], told, told["kind"])
    ]
    json.dump(found, sys.stdout)
