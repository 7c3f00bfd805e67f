"""Everything that touches fastai and torch: describing, exporting, loading, predicting."""
