"""A saved version as a page for people."""

from collections.abc import Iterator, Sequence
from typing import Any

from learnwire_client.page import Table

from ..signature.page import in_line, signature_page
from .manifest import AnyManifest, TorchArray, TorchManifest


def manifest_page(manifest: AnyManifest) -> Iterator[str | Table]:
    """All that a caller wants to know of one version."""
    manifest = manifest.public
    yield str(manifest.tag)
    facts = [(in_line(name), in_line(value)) for name, value in _facts(manifest)]
    yield Table(facts, has_head=False)
    if isinstance(manifest, TorchManifest):
        yield _methods(manifest)
    else:
        yield from signature_page(manifest.signature)


def _facts(manifest: AnyManifest) -> Iterator[tuple[str, Any]]:
    yield "created", f"{manifest.created:%Y-%m-%d %H:%M} UTC"
    yield "verified", "yes" if manifest.verified else "no"
    yield "answered", _answered(manifest)
    if manifest.origin is not None:
        yield "made of", f"{manifest.origin.tag}, without its Learner"
    yield from {**manifest.labels, **manifest.metadata}.items()
    yield "saved with", ", ".join(f"{k} {v}" for k, v in manifest.library_versions.items())


def _made(manifest: TorchManifest) -> str:
    if manifest.factory is None:
        return "on PyTorch, from a pickle, which runs its code when it is loaded"
    return f"on PyTorch, its weights alone put into what {manifest.factory} makes"


def _methods(manifest: TorchManifest) -> Table:
    rows = [("method", "takes", "answers", "batches")]
    for name, method in manifest.methods.items():
        along = f"along dimension {method.batch_dim}" if method.batchable else "none"
        rows.append((name, _sizes(method.inputs), _sizes(method.outputs), along))
    return Table([tuple(map(in_line, row)) for row in rows])


def _sizes(arrays: Sequence[TorchArray]) -> str:
    return ", ".join(
        f"{one.name} {one.dtype} {' x '.join(str(n) if n >= 0 else 'n' for n in one.shape)}".strip()
        for one in arrays
    )


def _answered(manifest: AnyManifest) -> str:
    if isinstance(manifest, TorchManifest):
        return _made(manifest)
    sealed = manifest.sealed
    if sealed is None:
        return f"by the Learner itself; not sealed yet (learnwire models seal {manifest.tag})"
    if sealed.plan is None or sealed.proof is None:
        return f"by the Learner itself: {sealed.reason}"
    if varies := sealed.proof.varies:
        return f"sealed ({sealed.plan}); the last bits of an answer vary: {varies}"
    return f"sealed ({sealed.plan}); an answer has the same bits whoever shares its batch"
