"""Trains three learners on real data, serves them, and compares every answer.

Usage: `python -m examples.demo`, from the root of the repository.
"""

import argparse
import os
import sys
import warnings

import learnwire_service as lw
import rich

from .compare import TOLERANCE, Way, compare
from .data import CACHE
from .errors import DemoError
from .recipes import RECIPES, Recipe
from .report import table_of
from .trained import Trained, prepare


def main() -> None:
    """Run the demo; exit with 0 only if all answers agree."""
    parser = argparse.ArgumentParser(
        prog="python -m examples.demo",
        description="Train three learners on real data, serve them, and compare every answer.",
    )
    parser.add_argument(
        "--train-only", action="store_true", help="train and save the models, then stop"
    )
    arguments = parser.parse_args()
    # The demo leaves its models beside its cache, and nothing in the user's own store.
    os.environ.setdefault("LEARNWIRE_HOME", str(CACHE.with_name("store")))
    # fastai and torch warn about each other, and about pickle: nothing to act on here.
    warnings.filterwarnings("ignore", category=UserWarning)
    CACHE.mkdir(parents=True, exist_ok=True)
    try:
        models = [(recipe, _prepare(recipe)) for recipe in RECIPES]
        if not arguments.train_only:
            _serve_and_compare(models)
    except (DemoError, lw.LearnwireError) as error:
        sys.exit(f"The demo stopped: {error}")


def _prepare(recipe: Recipe) -> Trained:
    with rich.get_console().status(f"Training {recipe.name}, at most a minute ..."):
        trained = prepare(recipe)
    rich.print(
        f"[bold]{trained.tag}[/] tells {recipe.task} (held out: {trained.accuracy:.0%} right)"
    )
    return trained


def _serve_and_compare(models: list[tuple[Recipe, Trained]]) -> None:
    agreed: list[bool] = []
    with lw.serving(*(trained.tag for _, trained in models)) as target:
        for recipe, trained in models:
            with rich.get_console().status(f"Asking {recipe.name} in three ways ..."):
                comparisons = list(
                    compare(Way(target), recipe.name, trained.load(), recipe.items())
                )
            rich.print(f"\n[bold]{recipe.name}[/] served at {target}", table_of(comparisons))
            agreed += [comparison.agrees for comparison in comparisons]
    if not all(agreed):
        raise DemoError(f"{agreed.count(False)} of {len(agreed)} items disagree, marked ✗ above.")
    rich.print(
        f"[bold green]All {len(agreed)} items agree[/]: over the wire, client and grpcurl get "
        f"learner.predict's label and, within {TOLERANCE:g}, its probabilities.\n"
        "Ask them yourself: make serve"
    )


if __name__ == "__main__":
    main()
