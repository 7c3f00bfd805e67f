"""What is held of the memory that there is, and what is refused then."""

import asyncio
from pathlib import Path

import pytest
from learnwire_service.common.memory import resident_bytes
from learnwire_service.common.settings import ServerSettings
from learnwire_service.observe.memory_limit import FIRST, SECOND, Cgroup, Held, Kind, measure_for
from learnwire_service.rpc.pressure import Pressure, Stage, stage_at
from pydantic import ValidationError

from .test_runner import until

MIB = 2**20


@pytest.mark.parametrize(
    ("share", "before", "after"),
    [
        (0.5, Stage.NOTHING, Stage.NOTHING),
        (0.85, Stage.NOTHING, Stage.NOTHING),
        (0.86, Stage.NOTHING, Stage.STREAMS),
        (0.92, Stage.NOTHING, Stage.STREAMS),
        (0.93, Stage.NOTHING, Stage.CALLS),
        (0.93, Stage.STREAMS, Stage.CALLS),
        (9.00, Stage.NOTHING, Stage.CALLS),
        (0.88, Stage.CALLS, Stage.CALLS),
        (0.86, Stage.CALLS, Stage.STREAMS),
        (0.81, Stage.CALLS, Stage.STREAMS),
        (0.81, Stage.STREAMS, Stage.STREAMS),
        (0.80, Stage.STREAMS, Stage.NOTHING),
        (0.00, Stage.CALLS, Stage.NOTHING),
    ],
)
def test_a_stage_ends_well_below_where_it_begins(share: float, before: Stage, after: Stage) -> None:
    assert stage_at(share, before) is after


def test_memory_is_looked_at_again_where_a_look_failed(caplog: pytest.LogCaptureFixture) -> None:
    found = iter([Held(9, 10), Held(9, 10), None, Held(1, 0)])
    seen = list[Stage]()

    def measure() -> Held:
        seen.append(pressure.stage)
        if (one := next(found, Held(95, 100))) is None:
            raise OSError("no such file")
        return one

    pressure = Pressure(measure)

    async def main() -> None:
        watching = asyncio.create_task(pressure.watch())
        await until(lambda: pressure.stage is Stage.CALLS)
        watching.cancel()

    asyncio.run(main())
    # What nobody knows is no reason to refuse calls; the log has it once.
    assert Stage.NOTHING in seen[seen.index(Stage.STREAMS) :]
    assert caplog.text.count("memory is not known, nothing is refused") == 1


def folder_of(folder: Path, limit: str, kind: Kind, stat: str) -> Cgroup:
    (folder / kind.limit).write_text(f"{limit}\n")
    (folder / kind.usage).write_text("1000\n")
    (folder / "memory.stat").write_text(stat)
    return Cgroup(folder, kind)


def test_files_in_memory_count_for_nothing(tmp_path: Path) -> None:
    stat = "anon 500\nactive_file 100\ninactive_file 50\nslab_reclaimable 10\nshmem 7\n"
    assert folder_of(tmp_path, "2000", SECOND, stat).measure() == (840, 2000)
    stat = "active_file 1\ntotal_active_file 100\ntotal_inactive_file 50\n"
    assert folder_of(tmp_path, "2000", FIRST, stat).measure() == (850, 2000)


def test_a_cgroup_that_has_gone_or_tells_nothing_bounds_nothing(tmp_path: Path) -> None:
    assert folder_of(tmp_path, "2000", SECOND, "anon 500\n").measure().limit == 0
    assert Cgroup(tmp_path / "gone", SECOND).measure().limit == 0


@pytest.mark.parametrize(("kind", "none"), [(SECOND, "max"), (FIRST, "9223372036854771712")])
def test_a_cgroup_may_have_no_limit(tmp_path: Path, kind: Kind, none: str) -> None:
    assert folder_of(tmp_path, none, kind, "").measure().limit == 0


@pytest.mark.skipif(not resident_bytes(), reason="needs /proc, which Linux has")
def test_a_limit_that_is_said_is_measured_by_what_the_process_holds() -> None:
    measure = measure_for(4)
    assert measure is not None
    before = measure()
    assert before.limit == 4 * MIB
    assert 0 < before.held <= resident_bytes()
    held = b"\1" * (64 * MIB)
    assert measure().held - before.held > 60 * MIB
    assert len(held) == 64 * MIB


def test_none_is_measured_where_the_limit_is_zero() -> None:
    assert measure_for(0) is None


def test_a_limit_below_zero_is_no_setting() -> None:
    with pytest.raises(ValidationError, match="memory_limit"):
        ServerSettings.model_validate({"memory_limit": -1})
