"""The benchmark: Learnwire against fastai, the bare model and a server that does nothing."""
