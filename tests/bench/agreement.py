"""Before speed: whether the servers give `learner.predict`'s answers at all."""

import numpy as np

from examples.demo.compare import TOLERANCE

from . import load, local
from .contest import BENTOML, LEARNWIRE, OWN, Field
from .models import PENGUINS, Model
from .processes import BenchError
from .programme import SERVED

_ITEMS = 32


def check_agreement(field: Field, model: Model) -> None:
    """Ask all for the first items.

    Raises:
        BenchError: one differs.
    """
    truth = field.predict.submit(local.predictions, model, _ITEMS).result()
    asked = {LEARNWIRE: field.learnwire}
    if field.bentoml and model in SERVED:
        asked[BENTOML] = field.bentoml
    if model is PENGUINS:
        asked |= {OWN: field.own, **field.workers}
    for name, served in asked.items():
        answers = field.client.submit(load.predictions, served, model, _ITEMS).result()
        difference = float(np.abs(np.array(answers) - np.array(truth)).max())
        if difference > TOLERANCE:
            raise BenchError(
                f"{name}, {model.name}: answers differ from learner.predict's by {difference:.1g}"
            )
