"""What a run under faults found, as Markdown."""

import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from .checker import OK, Checker, Window
from .load import KINDS
from .run import Log
from .site import WORKERS

_BEGIN, _END = "<!-- report -->", "<!-- end of the report -->"


@dataclass(frozen=True)
class Run:
    """A run that is over.

    Attributes:
        checker: of its calls.
        log: what was injected.
        told: what the server's log told, errors and some other events, and how often.
        seconds: how long it took, from the start of the server on.
    """

    checker: Checker
    log: Log
    told: Mapping[str, int]
    seconds: float

    @property
    def faults(self) -> list[str]:
        """All that must not be, in words."""
        return [*self.checker.faults, *self.log.problems]

    def text(self) -> str:
        """Give the report."""
        parts = [self._summary(), self._kinds(), self._windows(), self._skipped(), self._told()]
        return "\n\n".join(part for part in parts if part)

    def _summary(self) -> str:
        checker = self.checker
        ok = sum(count for (_, code), count in checker.ended.items() if code == OK)
        facts = {
            "calls": checker.calls,
            "OK": ok,
            "refused": checker.refused,
            "failed, each explained by a fault": len(checker.failed) - len(checker.unexplained),
            "failed without a reason": len(checker.unexplained),
            "wrong": len(checker.wrong),
            "hung": len(checker.hung),
            "lost": len(checker.lost),
        }
        return (
            f"{self.seconds / 60:.1f} minutes with {len(self.log.windows)} faults, on "
            f"{os.cpu_count()} cores, which {WORKERS} workers and {2 * len(KINDS)} callers share. "
            f"No call ended later than {checker.slowest:.2f} s after its deadline; the "
            f"callers' own event loop was late by {self.log.lag:.2f} s at most.\n\n"
            + _table(facts, [[f"{count:,}" for count in facts.values()]])
        )

    def _kinds(self) -> str:
        ended = self.checker.ended
        codes = [OK, *sorted({code for _, code in ended} - {OK})]
        rows = [
            [kind, *(f"{ended[kind, code]:,}" for code in codes)]
            for kind in sorted({kind for kind, _ in ended})
        ]
        return _table(["calls", *codes], rows)

    def _windows(self) -> str:
        names = dict.fromkeys(one.fault for one in self.log.windows)
        rows = []
        for name in names:
            ones = [one for one in self.log.windows if one.fault == name]
            failed: Counter[str] = sum((self.checker.under(one) for one in ones), Counter())
            told = ", ".join(f"{count:,} {code}" for code, count in sorted(failed.items()))
            rows.append([name, len(ones), told or "none", _longest(ones)])
        return _table(["fault", "times", "calls that failed of it", "normal after, at most"], rows)

    def _skipped(self) -> str:
        return "\n".join(f"- Skipped: {name}: {why}." for name, why in self.log.skipped.items())

    def _told(self) -> str:
        told = ", ".join(f"`{event}` {count}" for event, count in sorted(self.told.items()))
        return f"The server's log told: {told}."


def written(page: str, run: Run) -> str:
    """Give a page with this run's report in the place of an older one."""
    pattern = re.compile(f"{_BEGIN}\n.*{_END}", re.DOTALL)
    return pattern.sub(lambda _: f"{_BEGIN}\n{run.text()}\n{_END}", page)


def _longest(windows: Sequence[Window]) -> str:
    return f"{max(one.normal - one.lifted for one in windows):.1f} s"


def _table(head: Iterable[object], rows: Iterable[Iterable[object]]) -> str:
    names = [*head]
    lines: list[Iterable[object]] = [names, ["---"] * len(names), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)
