"""The demo: three learners on real data, served, their answers compared with fastai's own."""
