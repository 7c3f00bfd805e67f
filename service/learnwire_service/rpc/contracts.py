"""The models' own services: which are served, and which of a model's versions answers a call."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf.descriptor_pool import DescriptorPool

from ..contracts.contract import Contract
from ..errors import ContractNotServed, InvalidTag, LearnwireError
from ..registry import Registry
from ..runners.learner import LearnerRunner
from ..store.manifest import Manifest
from ..store.tag import LATEST, Tag, pick_version
from .calls import Calls, watched
from .codec import Codec
from .typed_servicer import TypedServicer

# The metadata of a call that says which version is to answer.
VERSION_KEY = "learnwire-version"

_PREFIX = "/learnwire.models."


@dataclass(frozen=True)
class _Version:
    """A served version with its contract, and the handlers of the contract's methods."""

    runner: LearnerRunner
    contract: Contract
    pool: DescriptorPool
    handlers: Mapping[str, Any]


class Contracts(grpc.GenericRpcHandler):
    """Routes the calls of the models' own services, each to the version that is to answer.

    Args:
        registry: the models.
        contract_of: gives the contract of a version.
        calls: watches the calls.
    """

    def __init__(
        self, registry: Registry, contract_of: Callable[[Manifest], Contract], calls: Calls
    ) -> None:
        self._calls = calls
        self._models: dict[str, list[_Version]] = {}
        for name in registry.names:
            versions = [
                _version(registry, runner, contract_of(runner.manifest), calls)
                for runner in registry.versions(name)
            ]
            self._models[_base(versions[0].contract.service)] = versions
        # What each call would otherwise look for again; no more than there are fitting prefixes.
        self._found: dict[tuple[str, str], Any] = {}

    def services(self, model: str) -> list[str]:
        """Give the full names of a model's own services."""
        contracts = [one.contract for versions in self._models.values() for one in versions]
        return sorted({contract.service for contract in contracts if contract.model == model})

    def live(self) -> dict[str, DescriptorPool]:
        """Give the services that can answer now, each with the newest form of its contract."""
        found: dict[str, DescriptorPool] = {}
        for versions in self._models.values():
            for one in versions:
                if one.runner.is_ready:
                    found.setdefault(one.contract.service, one.pool)
        return found

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        """Find the handler of a call; None where it is not for a model's own service."""
        method = handler_call_details.method
        if not method.startswith(_PREFIX):
            return None
        asked = _asked_version(handler_call_details.invocation_metadata)
        if (found := self._found.get((method, asked))) is not None:
            return found
        try:
            handler = self._find(method, asked)
        except LearnwireError as error:
            return _refusing(error, method, self._calls)
        if handler is not None:
            self._found[method, asked] = handler
        return handler

    def _find(self, method: str, asked: str) -> Any:
        service, _, name = method[1:].rpartition("/")
        if (versions := self._models.get(_base(service))) is None:
            served = ", ".join(sorted(self._models)[:10])
            raise ContractNotServed(f"no model is served as {_base(service)} here, only {served}")
        if asked in ("", LATEST):
            chosen = _newest(service, versions)
        else:
            chosen = _picked(asked, service, versions)
        return chosen.handlers.get(name)


def _version(
    registry: Registry, runner: LearnerRunner, contract: Contract, calls: Calls
) -> _Version:
    codec = Codec(contract, runner.manifest.signature.input)
    handlers = {
        name: watched(handler, f"/{contract.service}/{name}", calls)
        for name, handler in TypedServicer(registry, runner, codec).handlers().items()
    }
    return _Version(runner, contract, codec.pool, handlers)


def _base(service: str) -> str:
    """Give the part of a service's name that all contracts of its model have in common."""
    return service.rsplit(".", 2)[0]


def _asked_version(metadata: Sequence[tuple[str, str | bytes]]) -> str:
    return next((str(value) for key, value in metadata if key == VERSION_KEY), "")


def _newest(service: str, versions: Sequence[_Version]) -> _Version:
    for one in versions:
        if one.contract.service == service:
            return one
    raise ContractNotServed(f"no version served here speaks {service}; {_spoken(versions)}")


def _picked(asked: str, service: str, versions: Sequence[_Version]) -> _Version:
    by_version = {one.runner.manifest.version: one for one in versions}
    try:
        chosen = by_version[pick_version(Tag(versions[0].contract.model, asked), list(by_version))]
    except InvalidTag as error:
        error.field = VERSION_KEY
        raise
    if chosen.contract.service != service:
        raise ContractNotServed(
            f"{chosen.runner.tag} does not speak {service}; {_spoken(versions)}"
        )
    return chosen


def _spoken(versions: Sequence[_Version]) -> str:
    """Tell which contracts can be spoken here instead, and how to get them."""
    newest = {one.contract.service: one for one in reversed(versions)}
    listed = ", ".join(f"{one.runner.tag} speaks {name}" for name, one in newest.items())
    return f"{listed}: make stubs of it, with `learnwire contract {versions[0].contract.model}`"


def _refusing(error: LearnwireError, method: str, calls: Calls) -> Any:
    """Give a handler that ends calls of any kind with an error, before it reads a request."""

    async def refuse(requests: Any, context: Any) -> Any:
        raise error
        yield

    return watched(grpc.stream_stream_rpc_method_handler(refuse, bytes, bytes), method, calls)
