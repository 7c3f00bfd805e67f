"""What BentoML's users type by habit is told what it became."""

import re
from pathlib import Path
from typing import Any

import learnwire_service as lw
import pytest
from learnwire_service.common import habits

from tests.service.small_learners import ROW

PAGE = (Path(__file__).parents[2] / "docs" / "coming-from-bentoml.md").read_text()
SEE = "see docs/coming-from-bentoml.md"


class Doubler(lw.Runnable):
    @lw.Runnable.method()
    def double(self, value: float) -> float:
        return 2 * value


class OnTop(lw.Adapter):
    """An adapter that can be imported."""


@pytest.fixture
def svc() -> lw.Service:
    return lw.Service("habits")


def refused(call: Any, *args: Any, **kwargs: Any) -> str:
    with pytest.raises((TypeError, AttributeError)) as caught:
        call(*args, **kwargs)
    assert str(caught.value).endswith(SEE)
    return str(caught.value)


def shout(text: str, ctx: Any) -> str:
    return text.upper()


def test_keywords_are_told_what_they_became(svc: lw.Service) -> None:
    assert "save_model takes no signatures=: calls" in refused(
        lw.save_model, "shop", None, signatures={}
    )
    assert "Runner takes no runnable_init_params=: init_args" in refused(
        lw.Runner, Doubler, runnable_init_params={}
    )
    assert "takes no route=: name=" in refused(svc.api, output=lw.Text(), route="/shout")
    assert "takes no models=: give their runners" in refused(lw.Service, "s", models=[])


def test_an_endpoint_has_descriptors_and_no_context(svc: lw.Service) -> None:
    assert "write @svc.api(input=..., output=...)" in refused(svc.api, shout)
    problem = refused(svc.api(input=lw.Text(), output=lw.Text()), shout)
    assert "missing a required argument: 'ctx': there is no context" in problem
    for hook in (svc.on_startup, svc.on_shutdown):
        assert "without parameters, got <lambda>(ctx): there is no context" in refused(
            hook, lambda ctx: None
        )
    assert svc.on_startup(print) is print
    assert svc.on_startup(list) is list


def test_names_of_the_module_are_told_what_they_became() -> None:
    assert "NdArray" in refused(getattr, lw, "NumpyNdarray")
    assert "Table" in refused(getattr, lw, "PandasDataFrame")
    with pytest.raises(AttributeError, match=r"has no attribute 'nobody'$"):
        getattr(lw, "nobody")  # noqa: B009


def test_a_runner_needs_no_start() -> None:
    runner = lw.Runner(Doubler)
    assert "has no init_local: it is asked at once" in refused(lambda: runner.init_local)
    with pytest.raises(AttributeError, match="has no method nobody, only double"):
        runner.nobody  # noqa: B018


def test_a_models_runner_labels_and_metadata(own_home: Path, shop: Any) -> None:
    model = lw.save_model("shop", shop, labels={"a": "b"}, metadata={"rows": 3})
    assert (model.labels, model.metadata) == ({"a": "b"}, {"rows": 3})
    assert "to_runner takes no name=: a runner has the name" in refused(model.to_runner, name="x")
    runner: Any = model.to_runner()
    assert "has no get_preds: predict.run_batch(values)" in refused(lambda: runner.get_preds)
    assert "has no run: ask a Learner's predict.run" in refused(lambda: runner.run)
    assert not hasattr(runner, "nobody")


def test_an_adapter_may_be_given_as_a_class(own_home: Path, shop: Any) -> None:
    from learnwire_service.learners.tabular import TabularAdapter

    model = lw.save_model("shop", shop, adapter=TabularAdapter)
    assert model.manifest.adapter == "learnwire_service.learners.tabular:TabularAdapter"
    assert lw.get("shop").to_runner().predict.run(ROW).label


def test_an_adapter_that_nobody_could_import_is_refused(shop: Any) -> None:
    class Local(lw.Adapter):
        pass

    with pytest.raises(lw.NotServable, match="where a server cannot import it; put it on the top"):
        lw.save_model("shop", shop, adapter=Local)
    main = type("Mine", (OnTop,), {"__module__": "__main__"})
    with pytest.raises(lw.NotServable, match="the adapter Mine is written in __main__"):
        lw.save_model("shop", shop, adapter=main)
    with pytest.raises(TypeError, match=r"expected a class of learnwire_service.Adapter, got 3"):
        lw.save_model("shop", shop, adapter=3)  # type: ignore[arg-type]


def test_the_page_has_all_of_them() -> None:
    told = {"signatures", "runnable_init_params", "route", "ctx", "on_startup", "@svc.api"}
    names = {*habits.RUNNER, *habits.TO_RUNNER, *habits.NAMES, *told}
    code = " ".join(re.findall(r"`[^`]*`", PAGE))
    assert sorted(name for name in names if name not in code) == []
