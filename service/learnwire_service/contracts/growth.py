"""How a lock grows: what fits a contract keeps its stubs working; what does not begins the next."""

from ..signature.specs import SeveralOutput, Signature
from .lock import Lock, LockedVersion, Major
from .locked_input import column_numbers, grown_input, input_breaks, locked_input
from .locked_output import grown_heads, locked_heads, output_breaks


def grow(lock: Lock, version: str, created: str, signature: Signature) -> Lock:
    """Give a lock that knows one more version of the model.

    The version goes to the newest contract that it fits, perhaps grown, or begins a new one.
    A version of that name that the lock had is no more.
    """
    majors = [_without(major, version) for major in lock.majors]
    fitting = [i for i, major in enumerate(majors) if not breaks(major, signature)]
    if not fitting:
        reasons = breaks(majors[-1], signature) if majors else ()
        fitting = [len(majors)]
        majors.append(_begun(len(majors) + 1, reasons, signature))
    majors[fitting[-1]] = _grown(majors[fitting[-1]], version, created, signature)
    return lock.model_copy(update={"majors": tuple(majors)})


def breaks(major: Major, signature: Signature) -> tuple[str, ...]:
    """Tell in words why the stubs of a contract cannot speak with a version; empty if they can."""
    return (
        *input_breaks(major.input, signature.input),
        *output_breaks(major, signature.output),
    )


def _without(major: Major, version: str) -> Major:
    versions = tuple(one for one in major.versions if one.version != version)
    return major.model_copy(update={"versions": versions})


def _begun(number: int, reasons: tuple[str, ...], signature: Signature) -> Major:
    return Major(
        number=number,
        reasons=reasons,
        input=locked_input(signature.input),
        several=isinstance(signature.output, SeveralOutput),
        heads=locked_heads(signature.output),
    )


def _grown(major: Major, version: str, created: str, signature: Signature) -> Major:
    grown = grown_input(major.input, signature.input)
    known = LockedVersion(
        version=version, created=created, columns=column_numbers(grown, signature.input)
    )
    return major.model_copy(
        update={
            "versions": (*major.versions, known),
            "input": grown,
            "heads": grown_heads(major.heads, signature.output),
        }
    )
