"""Golden examples are made at save, and the service's road is compared with the user's own."""

from collections.abc import Sequence
from typing import Any

from ..common.bounds import DEFAULT_BOUNDS
from ..common.errors import NotServable, blamed, in_a_line
from ..common.logs import get_logger
from ..sealed.golden import Golden
from ..signature.agreement import disagreement
from ..signature.validation import Item, check
from .adapter import Adapter, BuiltInAdapter
from .outputs import OtherLabel
from .plan import SinglePlan
from .raw import as_numpy, is_array, is_number
from .steady import Unsteady, ask_twice

_log = get_logger()


def golden_examples(live: Adapter, reloaded: Adapter, given: Sequence[Any] | None) -> list[Golden]:
    """Let the learner, exported and loaded again, answer examples; see `steady.ask_twice`.

    Args:
        live: stands before the learner as its user has it.
        reloaded: stands before the loaded one.
        given: the user's examples; made up where there are none.

    Raises:
        InvalidInput: one that was given does not fit the signature.
        NotServable: the learner takes none, or does not stand by its answers.
    """
    plan = SinglePlan(reloaded)
    found = _made_up(plan, live) if given is None else _given(plan, reloaded, given)
    if isinstance(live, BuiltInAdapter):
        _check_steady(live, plan)
        _check_own_items(live, reloaded)
    return found


def _check_steady(live: BuiltInAdapter, plan: SinglePlan) -> None:
    for item in live.probes():
        try:
            ask_twice(plan, [item])
        except Unsteady:
            raise
        except Exception as error:  # noqa: BLE001 - not every learner takes such items
            _log.debug(f"the learner does not take a made-up item: {in_a_line(error)}")


def _given(plan: SinglePlan, adapter: Adapter, given: Sequence[Any]) -> list[Golden]:
    found: list[Golden] = []
    for i, value in enumerate(given):
        item = _checked(adapter, _sent(value))
        with blamed(f"the learner fails on examples[{i}]"):
            found += ask_twice(plan, [item])
    return found


def _checked(adapter: Adapter, value: Any) -> Item:
    bound = DEFAULT_BOUNDS.max_text_chars
    return check(adapter.signature.input, value, max_text_chars=bound).item


def _made_up(plan: SinglePlan, adapter: Adapter) -> list[Golden]:
    """Keep those made-up examples that the learner takes.

    Raises:
        NotServable: it takes none.
    """
    found: list[Golden] = []
    failed: list[Exception] = []
    with blamed("the adapter cannot make up examples; pass examples=[...]"):
        items = list(adapter.examples())
    for item in items:
        try:
            found += ask_twice(plan, [item])
        except (Unsteady, OtherLabel):
            raise
        except Exception as error:  # noqa: BLE001 - a learner may raise anything
            failed.append(error)
    if failed and not found:
        raise NotServable(
            f"the learner takes none of {len(failed)} made-up examples: {in_a_line(failed[0])}; "
            "pass examples=[...] that it takes, or write an adapter for it"
        ) from failed[0]
    if failed:
        _log.info(
            f"{len(failed)} of {len(items)} made-up examples are left out, which the learner "
            f"does not take: {in_a_line(failed[0])}"
        )
    return found


def _check_own_items(live: BuiltInAdapter, reloaded: Adapter) -> None:
    """Compare what clients will be answered with a plain `learner.predict` of the user's own items.

    Raises:
        NotServable: they differ.
    """
    plan = SinglePlan(reloaded)
    for raw, item in live.own_items():
        try:
            expected = reloaded.decode(reloaded.learner.predict(raw))
        except Exception as error:  # noqa: BLE001 - then its user cannot ask for it either
            _log.debug(f"learner.predict does not take an item of its own data: {error!r}")
            continue
        [answer] = plan.predict([item])
        problem = (
            f"the error {answer!r}"
            if isinstance(answer, Exception)
            else disagreement(plan.signature.output, answer, expected)
        )
        if problem:
            raise NotServable(
                f"an item of the learner's own data is answered with {problem} when it comes as a "
                f"client sends it ({live.signature.input.kind}); write an adapter that hands the "
                "learner what learner.predict takes (save_model(..., adapter=...))"
            )


def _sent(example: Any) -> Any:
    """Bring an example from what its user has to what a client sends."""
    if isinstance(example, tuple):
        parts = tuple(map(_sent, example))
        return parts[0] if len(parts) == 1 else parts
    return as_numpy(example) if is_array(example) or is_number(example) else example
