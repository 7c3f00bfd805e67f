"""Manifests for Kubernetes: the image of a bundle behind a headless Service."""

import re
from collections.abc import Iterator
from typing import Any

import yaml  # type: ignore[import-untyped]

from .bundle import About

MANIFESTS = "kubernetes.yaml"

_HEAD = """\
# kubectl create secret tls {name}-tls --cert=cert.pem --key=key.pem
# kubectl create secret generic {name}-access --from-file=access.json   (learnwire token new)
# kubectl apply -f {file}
# The memory is what the bundle took on the machine that built it: {measured} MiB.
"""
_OPS_PORT = 50052
_TLS, _ACCESS = "/etc/learnwire/tls", "/etc/learnwire/access"
_MIB = 2**20
# Room above what was measured: for batches, and for a second version while one takes over.
_MORE, _LEAST = 2, 64
_REPLICAS = 2


def manifests(about: About, memory: int, *, has_code: bool) -> str:
    """Give the manifests of a bundle.

    Args:
        about: what the bundle is.
        memory: how many bytes its server was seen to take.
        has_code: whether there is code of users, which may call others.
    """
    name = resource_name(about.name)
    measured = max(memory // _MIB, _LEAST)
    calls = has_code or bool(about.serve.get("jwt_keys"))
    parts = (
        _deployment(name, about, measured),
        _service(name, about),
        _network_policy(name, about, calls=calls),
        _disruption_budget(name),
    )
    text: str = yaml.safe_dump_all(parts, sort_keys=False, allow_unicode=True)
    return _HEAD.format(name=name, file=MANIFESTS, measured=measured) + text


def resource_name(name: str) -> str:
    """Give a name as Kubernetes takes it for a Service: lower case, digits and dashes."""
    plain = re.sub(r"[^a-z0-9-]+", "-", name.lower()).strip("-")
    return (plain if plain[:1].isalpha() else f"learnwire-{plain}")[:50].strip("-")


def _about(name: str, about: About) -> dict[str, Any]:
    notes = {"description": about.description, **about.labels}
    annotations = {key: value for key, value in notes.items() if value}
    more = {"annotations": annotations} if annotations else {}
    return {"name": name, "labels": _labels(name), **more}


def _labels(name: str) -> dict[str, str]:
    return {"app.kubernetes.io/name": name}


def _deployment(name: str, about: About, measured: int) -> dict[str, Any]:
    pod = {
        # Else a Service named learnwire sets LEARNWIRE_PORT.
        "enableServiceLinks": False,
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": _grace(about),
        "securityContext": _pod_rights(about),
        "containers": [_container(name, about, measured)],
        "volumes": [
            {"name": "scratch", "emptyDir": {"sizeLimit": "1Gi"}},
            {"name": "tls", "secret": {"secretName": f"{name}-tls", "defaultMode": 0o440}},
            {"name": "access", "secret": {"secretName": f"{name}-access", "defaultMode": 0o440}},
        ],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": _about(name, about),
        "spec": {
            "replicas": _REPLICAS,
            "selector": {"matchLabels": _labels(name)},
            # Those that serve stay until others do.
            "strategy": {"rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
            "template": {"metadata": {"labels": _labels(name)}, "spec": pod},
        },
    }


def _grace(about: About) -> int:
    return int(float(about.serve.get("drain_seconds", 30))) + 10


def _pod_rights(about: About) -> dict[str, Any]:
    user, _, group = about.docker.user.partition(":")
    return {
        "runAsNonRoot": True,
        "runAsUser": int(user),
        "runAsGroup": int(group or user),
        # That of the files of secrets.
        "fsGroup": int(group or user),
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def _container(name: str, about: About, measured: int) -> dict[str, Any]:
    return {
        "name": "learnwire",
        "image": f"{name}:latest",
        "ports": [{"name": key, "containerPort": port} for key, port in _ports(about)],
        "env": [{"name": key, "value": value} for key, value in _variables(about)],
        "resources": {
            "requests": {"memory": f"{measured}Mi", "cpu": "250m"},
            "limits": {"memory": f"{measured * _MORE}Mi"},
        },
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "startupProbe": _probe("/readyz", 2, 90),
        "readinessProbe": _probe("/readyz", 5, 2),
        "livenessProbe": _probe("/livez", 10, 3),
        "volumeMounts": [
            {"name": "scratch", "mountPath": "/tmp"},  # noqa: S108 - the container's own
            {"name": "tls", "mountPath": _TLS, "readOnly": True},
            {"name": "access", "mountPath": _ACCESS, "readOnly": True},
        ],
    }


def _variables(about: About) -> Iterator[tuple[str, str]]:
    """Give the settings that only a pod knows; they win over those of the bundle."""
    yield "LEARNWIRE_HOST", "0.0.0.0"  # noqa: S104 - a pod's
    yield "LEARNWIRE_OPS_PORT", str(_ops_port(about))
    yield "LEARNWIRE_TLS_CERT", f"{_TLS}/tls.crt"
    yield "LEARNWIRE_TLS_KEY", f"{_TLS}/tls.key"
    yield "LEARNWIRE_ACCESS", f"{_ACCESS}/access.json"


def _ops_port(about: About) -> int:
    return int(about.serve.get("ops_port") or _OPS_PORT)


def _ports(about: About) -> Iterator[tuple[str, int]]:
    yield "grpc", about.ports[0]
    if http := about.serve.get("http_port"):
        yield "http", int(http)
    yield "ops", _ops_port(about)


def _probe(path: str, seconds: int, failures: int) -> dict[str, Any]:
    # Kubernetes takes any certificate here; its probes of gRPC would speak no TLS.
    asked = {"path": path, "port": "ops", "scheme": "HTTPS"}
    return {
        "httpGet": asked,
        "periodSeconds": seconds,
        "timeoutSeconds": 5,
        "failureThreshold": failures,
    }


def _service(name: str, about: About) -> dict[str, Any]:
    ports = [{"name": key, "port": port, "targetPort": key} for key, port in _ports(about)]
    # Headless: clients see all pods and take turns; a virtual address would keep to one.
    spec = {"clusterIP": "None", "selector": _labels(name), "ports": ports}
    return {"apiVersion": "v1", "kind": "Service", "metadata": _about(name, about), "spec": spec}


def _network_policy(name: str, about: About, *, calls: bool) -> dict[str, Any]:
    # A server of models alone calls nobody.
    silent = {"policyTypes": ["Ingress", "Egress"], "egress": []}
    ports = [{"protocol": "TCP", "port": port} for _, port in _ports(about)]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "labels": _labels(name)},
        "spec": {
            "podSelector": {"matchLabels": _labels(name)},
            # From pods of the same namespace.
            "ingress": [{"from": [{"podSelector": {}}], "ports": ports}],
            **({"policyTypes": ["Ingress"]} if calls else silent),
        },
    }


def _disruption_budget(name: str) -> dict[str, Any]:
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": name, "labels": _labels(name)},
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": _labels(name)}},
    }
