"""Before speed: whether the server gives `learner.predict`'s answers at all."""

import numpy as np

from examples.demo.compare import TOLERANCE

from . import load, local
from .contest import Field
from .models import Model
from .processes import BenchError

_ITEMS = 32


def check_agreement(field: Field, model: Model) -> None:
    """Ask both for the first items.

    Raises:
        BenchError: they differ.
    """
    truth = field.predict.submit(local.predictions, model, _ITEMS).result()
    answers = field.client.submit(load.predictions, field.learnwire, model, _ITEMS).result()
    difference = float(np.abs(np.array(answers) - np.array(truth)).max())
    if difference > TOLERANCE:
        raise BenchError(f"{model.name}: answers differ from learner.predict's by {difference:.1g}")
