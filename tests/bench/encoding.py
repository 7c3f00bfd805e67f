"""What sealed models do before the network: hostile texts, words never seen, small images."""

import io
import os
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import product
from string import ascii_lowercase
from typing import Any

import learnwire_service as lw
import numpy as np
import psutil
from learnwire_service.sealed.loading import load_plan
from learnwire_service.sealed.plan import Plan
from PIL import Image

from . import items
from .models import RESNET, SENTIMENT, Model
from .processes import pinned_pool

# A text is made of one over and over; what comes last may make all of it odd.
HOSTILE = (
    *("!?", "AB", "a", "A", '"', "'", "(", ")", ".", "..", "a.", "a.b", "@", "a@", "a@b.", "://"),
    *("http://", "a:", "/", "//", "&", "&amp;", "&#", "#", "-", "--", "a-", "1", "1,", "1.", "$"),
    *("$1", "\n", " ", "\t", "\u00a0", "🙂", "é", "漢", "\u2019", "n't", "'s", "can't ", "a a "),
    *(
        "xx",
        ":)",
        "<",
        "</",
        "<br />",
        "www.",
        "a_",
        "+",
        "=",
        "*",
        "a/",
        "a'",
        "U.S.",
        "e.g.",
        "°",
    ),
)
_TAILS = ("", "a", " b")
_CHARACTERS = 10_000
_WORDS, _WORDS_OF_A_TEXT = 400_000, 100
_TRIES = 3
_IMAGES = 500


@dataclass(frozen=True)
class Encoding:
    """What came out, of each try.

    Attributes:
        hostile: how many times as long the worst text takes as prose of its length.
        worst: what that text is made of.
        words_mb: how far memory rose while words passed that nobody knows, in 10^6 bytes.
        image_ms: the work for a PNG of 64 pixels.
    """

    hostile: list[float]
    worst: str
    words_mb: list[float]
    image_ms: list[float]


def measure_encoding(core: int | None) -> Encoding:
    """Measure it in a process of its own."""
    with pinned_pool(core) as pool:
        return pool.submit(_measured).result()


def _measured() -> Encoding:
    text, image = _plan(SENTIMENT), _plan(RESNET)
    prose = " ".join(items.reviews(200))[:_CHARACTERS]
    usual = _work(partial(text.encode, prose), 20)
    texts = {part + tail: _hostile(part, tail) for part, tail in product(HOSTILE, _TAILS)}
    found = {name: _work(partial(text.encode, made), 1) / usual for name, made in texts.items()}
    worst = max(found, key=found.__getitem__)
    again = [_work(partial(text.encode, texts[worst]), 1) / usual for _ in range(_TRIES - 1)]
    work = [_work(partial(image.encode, _png()), _IMAGES) * 1e3 for _ in range(_TRIES)]
    return Encoding([found[worst], *again], worst, [_growth(text)], work)


def _hostile(part: str, tail: str) -> str:
    return (part * _CHARACTERS)[: _CHARACTERS - len(tail)] + tail


def _plan(model: Model) -> Plan:
    saved = lw.get(model.tag)
    return load_plan(saved.manifest, saved.directory)


def _work(do: Callable[[], Any], times: int) -> float:
    """Give the least time of a few tries that a core works on it, in seconds."""
    least = float("inf")
    for _ in range(_TRIES):
        begin = time.process_time()
        for _ in range(times):
            do()
        least = min(least, (time.process_time() - begin) / times)
    return least


def _growth(text: Plan) -> float:
    process, choose = psutil.Process(os.getpid()), random.Random(0)
    before = process.memory_info().rss
    for _ in range(_WORDS // _WORDS_OF_A_TEXT):
        words = ("".join(choose.choices(ascii_lowercase, k=10)) for _ in range(_WORDS_OF_A_TEXT))
        text.encode(" ".join(words))
    return float(process.memory_info().rss - before) / 1e6


def _png() -> Any:
    file = io.BytesIO()
    Image.fromarray(items.images(1)[0]).save(file, "PNG")
    return np.frombuffer(file.getvalue(), np.uint8)
