"""The models' own services: which are served, and which of a model's versions answers a call."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NoReturn

import grpc

from ..common.errors import (
    ContractNotServed,
    CorruptModel,
    InvalidTag,
    LearnwireError,
    UnknownMethod,
)
from ..contracts.contract import Contract
from ..contracts.derive import derive
from ..contracts.keeping import lock_of
from ..contracts.lock import Lock
from ..runners.learner import LearnerRunner
from ..runners.registry import Registry
from ..store.store import ModelStore
from ..store.tag import LATEST, Tag, pick_version
from .calls import Calls, refusing, watched
from .codec import Codec
from .gate import caller
from .lot import Lot
from .pools import Described
from .typed_servicer import TypedServicer

# The metadata of a call that says which version is to answer.
VERSION_KEY = "learnwire-version"

_PREFIX = "/learnwire.models."
_LISTED = 10


@dataclass(frozen=True)
class _Version:
    """A served version with its contract, and the handlers of the contract's methods."""

    runner: LearnerRunner
    contract: Contract
    described: Described
    servicer: TypedServicer
    handlers: Mapping[str, Any]


@dataclass(frozen=True)
class _Model:
    """A model: all its contracts, and the versions that are served, newest first.

    The default answers calls of its service that ask for no version.
    """

    lock: Lock
    versions: Sequence[_Version]
    default: LearnerRunner


class Contracts(grpc.GenericRpcHandler):
    """Routes the calls of the models' own services, each to the version that is to answer.

    Args:
        registry: the models.
        calls: watches the calls.
    """

    def __init__(self, registry: Registry, calls: Calls) -> None:
        self._calls, self._registry = calls, registry
        self._models: dict[str, _Model] = {}
        # As they were read last: what the store has become since changes nothing that is served.
        self._locks: dict[str, Lock] = {}
        # What each call would otherwise look for again; no more than there are fitting prefixes.
        self._found: dict[tuple[str, str], Any] = {}
        # Of those that are about to be served.
        self._prepared: dict[LearnerRunner, _Version] = {}
        for name in registry.names:
            self._locks[name] = lock_of(ModelStore(), name)
            self.renew(name)

    async def prepare(self, runner: LearnerRunner) -> None:
        """Make what answers in the words of a version that is about to be served.

        Raises:
            CorruptModel: another model has contracts of that name, or what is kept of this one's
                does not read.
        """
        # Who saves a model meanwhile may have the store's lock.
        lock = await asyncio.to_thread(lock_of, ModelStore(), runner.manifest.name)
        version = self._version(runner, lock)
        self._check_alone(version)
        self._prepared[runner], self._locks[runner.manifest.name] = version, lock

    def abandon(self, runner: LearnerRunner) -> None:
        """Forget a version that is not to be served after all."""
        self._prepared.pop(runner, None)
        if runner.manifest.name not in self._registry.names:
            self._locks.pop(runner.manifest.name, None)

    def renew(self, name: str) -> None:
        """Serve those versions of a model that the registry has.

        Raises:
            CorruptModel: another model has contracts of that name.
        """
        there = {one.runner: one for model in self._models.values() for one in model.versions}
        self._models = {
            base: model for base, model in self._models.items() if model.lock.model != name
        }
        self._found = {}
        if name not in self._registry.names:
            del self._locks[name]
            return
        lock = self._locks[name]
        versions = [
            there.get(one) or self._prepared.pop(one, None) or self._version(one, lock)
            for one in self._registry.versions(name)
        ]
        self._check_alone(versions[0])
        model = _Model(lock, versions, self._registry.default(name))
        self._models[_base(versions[0].contract.service)] = model

    def _check_alone(self, version: _Version) -> None:
        base, name = _base(version.contract.service), version.contract.model
        if (other := self._models.get(base)) is not None and other.lock.model != name:
            # Each store names its models alone, and one may have been copied from another.
            raise CorruptModel(f"{other.lock.model} and {name} both have contracts in {base}")

    def services(self, name: str) -> list[str]:
        """Give the full names of a model's own services."""
        contracts = [one.contract for model in self._models.values() for one in model.versions]
        return sorted({contract.service for contract in contracts if contract.model == name})

    def live(self) -> dict[str, Described]:
        """Give the services that can answer the caller, each with its contract's newest form."""
        found: dict[str, Described] = {}
        for model in self._seen.values():
            for one in model.versions:
                if one.runner.is_ready:
                    found.setdefault(one.contract.service, one.described)
        return found

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        """Find the handler of a call; None where it is not for a model's own service."""
        method = handler_call_details.method
        if not method.startswith(_PREFIX):
            return None
        asked = _asked_version(handler_call_details.invocation_metadata)
        if not asked:
            asked = self._drawn_version(method, handler_call_details)
        if (found := self._found.get((method, asked))) is not None:
            return found
        try:
            handler = self._find(method, asked)
        except LearnwireError as error:
            return self._refusing(error, method)
        self._found[method, asked] = handler
        return handler

    def _find(self, method: str, asked: str) -> Any:
        service, _, name = method[1:].rpartition("/")
        if (handler := self._chosen(service, asked).handlers.get(name)) is None:
            raise UnknownMethod(method)
        return handler

    def _chosen(self, service: str, asked: str) -> _Version:
        if (model := self._models.get(_base(service))) is None:
            raise self._unknown(_base(service))
        if asked in ("", LATEST):
            return _newest(service, model, prefers_default=not asked)
        return _picked(asked, service, model)

    def _heir(self, runner: LearnerRunner, service: str, context: Any) -> TypedServicer | None:
        """Give who answers in the place of a version that has gone since a call was taken."""
        if self._registry.has(runner):
            return None
        return self._chosen(service, _asked_version(context.invocation_metadata())).servicer

    def _drawn_version(self, method: str, details: grpc.HandlerCallDetails) -> str:
        """Give the version that is to answer a call which names none; "" where none is drawn."""
        if not self._registry.is_divided:
            return ""
        service = method[1:].rpartition("/")[0]
        if (model := self._models.get(_base(service))) is None:
            return ""
        if (split := self._registry.split(model.lock.model)) is None:
            return ""
        runner = split.pick(Lot(details).point(split.name))
        speakers = [one.runner for one in model.versions if one.contract.service == service]
        # One that was loaded since the start may have another contract.
        return runner.manifest.version if runner in speakers else ""

    @property
    def _seen(self) -> dict[str, _Model]:
        """The models that exist for the caller."""
        models = self._models.items()
        return {base: one for base, one in models if caller().sees(one.lock.model)}

    def _check_seen(self, base: str) -> None:
        if base not in self._seen:
            raise self._unknown(base)

    def _unknown(self, base: str) -> ContractNotServed:
        served = ", ".join(sorted(self._seen)[:_LISTED])
        return ContractNotServed(f"no model is served as {base} here, only {served}")

    def _refusing(self, error: LearnwireError, method: str) -> Any:
        """Give a handler that ends calls with an error; see `refusing`."""
        base = _base(method[1:].rpartition("/")[0])

        def refuse() -> NoReturn:
            # What is told of a model is for those for whom it exists.
            self._check_seen(base)
            raise error

        return watched(refusing(refuse), method, self._calls)

    def _version(self, runner: LearnerRunner, lock: Lock) -> _Version:
        signature = runner.manifest.signature
        contract = derive(lock, runner.manifest.version, signature)
        codec = Codec(contract, signature.input)
        check_seen = partial(self._check_seen, _base(contract.service))
        heir = partial(self._heir, runner, contract.service)
        servicer = TypedServicer(runner, codec, check_seen, heir)
        handlers = {
            name: watched(handler, f"/{contract.service}/{name}", self._calls, check_seen)
            for name, handler in servicer.handlers().items()
        }
        for name in handlers:
            self._calls.requests.know(f"/{contract.service}/{name}")
        described = Described(contract.file, codec.pool)
        return _Version(runner, contract, described, servicer, handlers)


def _base(service: str) -> str:
    """Give the part of a service's name that all contracts of its model have in common."""
    return service.rsplit(".", 2)[0]


def _asked_version(metadata: Sequence[tuple[str, str | bytes]]) -> str:
    return next((str(value) for key, value in metadata if key == VERSION_KEY), "")


def _newest(service: str, model: _Model, *, prefers_default: bool) -> _Version:
    speakers = [one for one in model.versions if one.contract.service == service]
    for one in speakers:
        if one.runner is model.default or not prefers_default:
            return one
    if speakers:
        return speakers[0]
    raise ContractNotServed(f"no version served here speaks {service}; {_way_out(service, model)}")


def _picked(asked: str, service: str, model: _Model) -> _Version:
    by_version = {one.runner.manifest.version: one for one in model.versions}
    try:
        chosen = by_version[pick_version(Tag(model.lock.model, asked), list(by_version))]
    except InvalidTag as error:
        error.field = VERSION_KEY
        raise
    if chosen.contract.service != service:
        problem = f"{chosen.runner.tag} does not speak {service}"
        raise ContractNotServed(f"{problem}; {_way_out(service, model)}")
    return chosen


def _way_out(service: str, model: _Model) -> str:
    """Tell which contracts are spoken here, how to get them, and what else would help."""
    name = model.lock.model
    speakers = {one.contract.service: one.runner.tag for one in reversed(model.versions)}
    spoken = ", ".join(f"{tag} speaks {contract}" for contract, tag in speakers.items())
    way_out = f"{spoken}, and `learnwire contract {name}` gives its .proto"
    fitting = [
        version
        for major in model.lock.majors
        for version in major.names
        if f".v{major.number}." in service and service not in speakers
    ]
    return f"{way_out}; or serve {name}:{fitting[-1]} too" if fitting else way_out
