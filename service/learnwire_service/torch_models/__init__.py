"""Bare torch modules: saved, loaded and run on arrays, without fastai."""
