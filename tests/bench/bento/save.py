"""Saves an export of fastai's in BentoML's own store, unless one of the same recipe is there.

Usage: `python save.py NAME EXPORT RECIPE`, in BentoML's environment.
"""

import sys

import bentoml
from fastai.learner import load_learner

if __name__ == "__main__":
    name, export, recipe = sys.argv[1:]
    saved = [model for model in bentoml.models.list() if model.tag.name == name]
    if not any(model.info.labels.get("recipe") == recipe for model in saved):
        learner = load_learner(export)
        # Progress bars take time, and nobody who cares for speed leaves them on.
        bars = [one for one in learner.cbs if type(one).__name__ == "ProgressCallback"]
        learner.remove_cbs(bars)
        bentoml.fastai.save_model(name, learner, labels={"recipe": recipe})
