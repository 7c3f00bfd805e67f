"""Sealed models are loaded: recipe and network read, and proven on the golden examples."""

from collections.abc import Sequence
from pathlib import Path

from ..common.errors import CorruptModel, in_a_line
from ..signature.specs import Signature
from ..store.manifest import Manifest
from . import golden
from .arrays import ArraysPlan, ArraysRecipe
from .images import ImagesPlan, ImagesRecipe
from .machine import here
from .network import Network
from .plan import Choice, Plan, is_quick
from .proof import prove
from .recipe import RECIPE_FILE, Recipe, read_recipe
from .table import TablePlan, TableRecipe
from .text import TextPlan, TextRecipe
from .words import Words


def load_plan(manifest: Manifest, directory: Path) -> Plan:
    """Make the plan of a sealed version.

    Raises:
        CorruptModel: its recipe or its network is none that this release can run.
    """
    try:
        return sealed_plan(manifest.signature, read_recipe(directory), directory)
    except Exception as error:
        what = f"its {RECIPE_FILE} or its network cannot be run here: {in_a_line(error)}"
        problem = str(error) if isinstance(error, CorruptModel) else what
        raise CorruptModel(
            f"{manifest.tag}: {problem}; seal it again with this release: "
            f"learnwire models seal {manifest.tag}"
        ) from error


def proven_choice(manifest: Manifest, plan: Plan, examples: Sequence[golden.Golden]) -> Choice:
    """Prove a plan anew; on another machine than at save as thoroughly as there.

    Raises:
        GoldenMismatch: it answers a golden example differently than at save.
    """
    then = manifest.sealed.proof if manifest.sealed else None
    known = then is not None and then.machine == here()
    proof = prove(plan, examples, whole=not known)
    varies = proof.varies or (then.varies if then and known else "")
    return Choice(plan, quick=is_quick(plan, examples[0].item), varies=varies)


def sealed_plan(signature: Signature, recipe: Recipe, directory: Path) -> Plan:
    """Make the plan of a recipe.

    Args:
        signature: what the model takes and answers.
        recipe: how.
        directory: has the files that the recipe names.

    Raises:
        Exception: they do not fit together, or a file is none that can be run here.
    """
    model = recipe.model
    match model:
        case TableRecipe():
            return TablePlan(signature, model, Network(directory / model.network))
        case TextRecipe():
            words = Words(model.words, directory)
            layers, head = (Network(directory / name) for name in model.reader.networks)
            return TextPlan(signature, model, words, layers, head)
        case ArraysRecipe():
            return ArraysPlan(signature, model, Network(directory / model.network))
        case ImagesRecipe():
            return ImagesPlan(signature, model, Network(directory / model.network))
