"""How drift is counted, compared and put into words."""

import math

import numpy as np
import pytest
from learnwire_service.observe.counting import NULL, SKIPPED, UNKNOWN, Counted, Grid, Watched
from learnwire_service.observe.drift import FeatureDrift
from learnwire_service.observe.memory import SHARED_FOLDER
from learnwire_service.observe.psi import contributions, noise
from learnwire_service.observe.sentences import percent, sentence
from learnwire_service.observe.window import ITEMS, Window
from learnwire_service.signature.training import Feature

MASS = Feature(
    of="column",
    name="mass",
    edges=(1.0, 2.0),
    counts=(100, 100, 100, 0, 0),
    sums=(50, 150, 250, 0, 0),
    median=1.5,
)
ISLAND = Feature(of="column", name="island", categories=("a", "b"), counts=(300, 300, 0, 0, 0))


def now(counts: list[float], sums: list[float] | None = None) -> Counted:
    return Counted(np.array(counts), np.array(sums or [0.0] * len(counts)))


def test_the_index_is_the_sum_over_the_bins() -> None:
    added = contributions(np.array([80.0, 20.0, 0.0]), np.array([50.0, 50.0, 0.0]))
    assert added.sum() == pytest.approx(0.3 * math.log(1.6) - 0.3 * math.log(0.4))
    assert added[2] == 0
    assert contributions(np.array([100.0, 0.0]), np.array([50.0, 50.0])).sum() < math.inf


def test_samples_of_one_population_stay_within_the_noise() -> None:
    random = np.random.default_rng(0)
    for size in (20, 200, 2000):
        pairs = random.multinomial(size, [0.1] * 10, (500, 2)).astype(float)
        assert all(contributions(a, b).sum() < noise(a, b) for a, b in pairs)
    assert noise(np.array([5.0, 0.0]), np.array([9.0, 0.0])) == math.inf


def test_values_are_counted_where_they_lie() -> None:
    grid = Grid(
        [
            Watched(MASS, 0, usual=(0.0, 3.0)),
            Watched(ISLAND, 1, all_categories=("b", "z", "a")),
            Watched(Feature(of="class", name="class", categories=("a",)), 1, 0, ("a", "b", "c")),
        ]
    )
    values = np.array([[0.5, 1.0, 7.0, np.nan], [0, 1, NULL, UNKNOWN]])
    mass, island, classes = grid.read(grid.count(values))
    assert mass.counts.tolist() == [2, 0, 1, 1, 0]
    assert mass.sums.tolist() == [1.5, 0, 7, 0, 0]
    assert (mass.nulls, mass.unusual) == (0.25, 0.25)
    assert mass.mean == pytest.approx(8.5 / 3)
    assert island.counts.tolist() == [0, 1, 1, 1, 1]
    assert (island.nulls, island.unknown) == (0.25, 0.25)
    assert classes.counts.tolist() == [1, 1, 1, 1]
    skipped, *_ = grid.read(grid.count(np.array([[SKIPPED, 0.5], [0, 0]])))
    assert skipped.total == 1
    assert not Grid([])


@pytest.mark.parametrize(
    ("feature", "counted", "told"),
    [
        (MASS, now([100, 100, 100, 0, 0]), ""),
        (MASS, now([0, 0, 3, 0, 0], [0, 0, 9, 0, 0]), ""),
        (MASS, now([0, 0, 300, 0, 0], [0, 0, 900, 0, 0]), "mass: 100 % above what training saw"),
        (MASS, now([0, 300, 0, 0, 0]), "mass: 100 % of values are from 1 to 2, 33 % at training"),
        (MASS, now([0, 0, 0, 300, 0]), "mass: 100 % of values are null, 0 % at training"),
        (ISLAND, now([600, 5, 0, 0, 0]), "island: 99 % of values are a, 50 % at training"),
        (
            ISLAND,
            now([440, 440, 0, 0, 120]),
            "island: 12 % of values are categories training did not have",
        ),
        (
            ISLAND.model_copy(update={"counts": None}),
            now([44, 44, 0, 0, 12]),
            "island: 12 % of values are categories training did not have",
        ),
        (
            ISLAND.model_copy(update={"of": "class"}),
            now([600, 5, 0, 0, 0]),
            "class a: answered 99 % of the time, 50 % at training",
        ),
        (
            MASS.model_copy(update={"of": "sureness"}),
            now([300, 0, 0, 0, 0], [60, 0, 0, 0, 0]),
            "answers: 20 % sure on average, 150 % at training",
        ),
        (
            MASS.model_copy(update={"of": "text", "name": "words"}),
            now([300, 0, 0, 0, 0], [150, 0, 0, 0, 0]),
            "texts: 67 % shorter than those of training",
        ),
        (
            MASS.model_copy(update={"edges": (-1.0, 2.0)}),
            now([0, 0, 300, 0, 0], [0, 0, 900, 0, 0]),
            "mass: 100 % of values are above 2, 33 % at training",
        ),
    ],
)
def test_what_has_moved_is_told(feature: Feature, counted: Counted, told: str) -> None:
    assert sentence(FeatureDrift.of(feature, counted)) == told


def test_shares_are_told_in_percent() -> None:
    assert [percent(share) for share in (0, 0.0004, 0.02, 0.305)] == [
        "0 %",
        "0.04 %",
        "2 %",
        "30 %",
    ]


def test_a_window_holds_the_last_items() -> None:
    window = Window("birds@v1", 2)
    window.add(1, np.array([1.0, 0.0]))
    assert window.read()[0] == 1
    for _ in range(30):
        window.add(150, np.array([0.0, 150.0]))
    items, counts = window.read()
    assert ITEMS <= items <= ITEMS + 400
    assert counts.tolist() == [0, items]


def test_processes_share_a_window(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SHARED_FOLDER, str(tmp_path_factory.mktemp("counts")))
    one, other, stranger = Window("a@v", 1), Window("a@v", 1), Window("a@v2", 1)
    one.add(3, np.array([3.0]))
    other.add(4, np.array([4.0]))
    stranger.add(9, np.array([9.0]))
    assert one.read()[0] == other.read()[0] == 7
    for _ in range(20):
        other.add(200, np.array([0.0]))
    assert one.read()[1].tolist() == [0]
