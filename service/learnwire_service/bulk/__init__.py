"""Bulk prediction: a whole file, or a folder of images, to a file of answers."""

from .interrupt import ended_by_interrupt
from .job import Done, predict_file
from .outputs import OUTPUT_SUFFIXES, errors_path
from .progress import shown_progress
from .records import INPUT_SUFFIXES

__all__ = [
    "INPUT_SUFFIXES",
    "OUTPUT_SUFFIXES",
    "Done",
    "ended_by_interrupt",
    "errors_path",
    "predict_file",
    "shown_progress",
]
