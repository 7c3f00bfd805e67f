"""BentoML, which serves fastai's learners too: its environment, its models, its server."""

from .environment import VERSION, install, program, run, save

__all__ = ["VERSION", "install", "program", "run", "save"]
