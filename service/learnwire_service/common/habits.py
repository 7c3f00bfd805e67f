"""What BentoML's users type by habit: errors that tell what it became here."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

_P = ParamSpec("_P")
_T = TypeVar("_T")

_PAGE = "see docs/coming-from-bentoml.md"
NAMES = {
    "File": "Text, NdArray or TabularRow",
    "JSON": "TabularRow, or input={...} with a descriptor for each name",
    "Multipart": "input={...} with a descriptor for each name",
    "NumpyNdarray": "NdArray",
    "PandasDataFrame": "Table, or TabularRow for one row",
    "PandasSeries": "TabularRow",
    "models": "get, list_models and delete_model",
}
RUNNER = {
    "init_local": "it is asked at once, with nothing before; load() loads its model now",
    "init_client": "it is asked at once, with nothing before; load() loads its model now",
    "destroy": "close() ends it",
    "get_preds": "predict.run_batch(values) answers many items, each with its probabilities",
    "run": "ask a Learner's predict.run(value)",
    "async_run": "ask a Learner's predict.async_run(value)",
}
TO_RUNNER = {
    "name": "a runner has the name of its model",
    "max_batch_size": "limits=lw.Limits(max_batch_size=...)",
    "max_latency_ms": "limits=lw.Limits(max_delay=seconds), or within(seconds) at a call",
    "method_configs": "limits=lw.Limits(...)",
    "embedded": "all runners live in the process that serves them",
}


def told(message: str) -> str:
    """Say where all that became of BentoML's names is told."""
    return f"{message}; {_PAGE}"


def habits(bare: str = "", **became: str) -> Callable[[Callable[_P, _T]], Callable[_P, _T]]:
    """Have a function tell what its BentoML keywords became, with a TypeError.

    Args:
        bare: what to write where a method is given something by position, which it does not take.
        became: what each keyword became.
    """

    def decorate(function: Callable[_P, _T]) -> Callable[_P, _T]:
        @wraps(function)
        def call(*args: _P.args, **kwargs: _P.kwargs) -> _T:
            name = function.__qualname__.removesuffix(".__init__")
            if bare and len(args) > 1:
                raise TypeError(told(f"{name}: {bare}"))
            for keyword in kwargs:
                if keyword in became:
                    raise TypeError(told(f"{name} takes no {keyword}=: {became[keyword]}"))
            return function(*args, **kwargs)

        return call

    return decorate
