"""The recipe: how a sealed model answers, as data."""

from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from pydantic import Field, ValidationError

from ..common.errors import CorruptModel
from .arrays import ArraysRecipe
from .images import ImagesRecipe
from .part import Part
from .table import TableRecipe
from .text import TextRecipe

RECIPE_FILE = "recipe.json"

_LARGEST = 64 * 2**20

ModelRecipe: TypeAlias = TableRecipe | TextRecipe | ArraysRecipe | ImagesRecipe


class Recipe(Part):
    """A recipe.

    Attributes:
        model: what becomes of an item.
    """

    format: Literal[1] = 1
    model: Annotated[ModelRecipe, Field(discriminator="kind")]

    def write(self, directory: Path) -> None:
        """Write it into a version's directory."""
        (directory / RECIPE_FILE).write_text(self.model_dump_json(exclude_defaults=False) + "\n")


def read_recipe(directory: Path) -> Recipe:
    """Read the recipe in a version's directory.

    Raises:
        CorruptModel: it is too large, or none that this release understands.
    """
    path = directory / RECIPE_FILE
    if (size := path.stat().st_size) > _LARGEST:
        raise CorruptModel(f"{RECIPE_FILE} has {size} bytes, more than {_LARGEST}")
    try:
        return Recipe.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise CorruptModel(
            f"{RECIPE_FILE} does not read ({where or 'no JSON'}: {first['msg']})"
        ) from error
