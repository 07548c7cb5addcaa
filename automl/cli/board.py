"""One screen of a study that runs: budget, standing, running trials with their curves, what happened last."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from automl.report.standings import changes_from
from automl.report.wording import count, duration, shorten, value_text
from automl.study.figures import figure, signed_figure
from automl.study.outlook import seconds_to_go
from automl.study.state import DEFAULT_TRIAL, Phase, StudyState
from automl.types import Params, StudySheet, TrialId, TrialRecord, TrialState

__all__ = ["Board", "sparkline"]

_BLOCKS = "▁▂▃▄▅▆▇█"
_BAR_WIDTH = 30
_SHOWN_WAITING = 3


@dataclass(frozen=True)
class Board:
    """All that one screen shows.

    Attributes:
        now: POSIX seconds.
        lines: what happened last, oldest first, with its clock time.
        warnings: newest last.
        checked: trials whose final check on the test part has begun.
    """

    sheet: StudySheet
    state: StudyState
    now: float
    lines: Sequence[str] = ()
    warnings: Sequence[str] = ()
    checked: Sequence[TrialId] = ()

    def __rich__(self) -> RenderableType:
        """As the terminal shows it."""
        parts = [self._head(), self._budget(), self._standing(), self._running()]
        for title, lines in (("latest", self.lines), ("warnings", self.warnings)):
            if lines:
                text = Text("\n".join(f"  {line}" for line in lines), no_wrap=True, overflow="ellipsis")
                parts += [Text(f"\n{title}", style="bold"), text]
        return Group(*parts)

    def _head(self) -> Text:
        """The study, and below it the time, which a narrow terminal would cut off behind the study's name."""
        head = Text(no_wrap=True, overflow="ellipsis").append(self.sheet.study_id, style="bold")
        head.append(f"  {self.sheet.model}\n{self.state.phase}")
        if self.state.started_at is not None:
            head.append(f", {duration(self.now - self.state.started_at)}")
        if left_s := self.seconds_to_go():
            head.append(f", about {duration(left_s)} to go")
        return head

    def _budget(self) -> RenderableType:
        table = Table.grid(padding=(0, 2))
        for spent, limit, noun in self._limits():
            bar = ProgressBar(total=limit, completed=min(spent, limit), width=_BAR_WIDTH)
            table.add_row(bar, f"{spent:g} of {limit:g} {noun}")
        return table

    def _limits(self) -> Iterable[tuple[float, float, str]]:
        budget, records = self.sheet.budget, self.state.records.values()
        if self.sheet.is_search:
            ended = sum(record.state.is_final for record in records)
            yield ended, max(budget.trials, ended), "trials"
        total = budget.epochs or budget.max_epochs * max(budget.trials, len(self.state.records))
        yield self.state.epochs_total, total, "epochs" if budget.epochs else "epochs at most"
        if budget.time_s is not None and self.state.started_at is not None:
            minutes = (self.now - self.state.started_at) / 60
            yield round(minutes, 1), round(budget.time_s / 60, 1), "minutes"

    def seconds_to_go(self) -> float | None:
        """A guess from what the study took so far; None before there is one, and for a plain training."""
        if self.state.started_at is None or not self.sheet.is_search:
            return None
        return seconds_to_go(self.state, self.sheet.budget, elapsed_s=self.now - self.state.started_at)

    def _standing(self) -> RenderableType:
        """Incumbent against default."""
        table, metric = Table.grid(padding=(0, 2)), self.sheet.metric
        default, best = self.state.records.get(DEFAULT_TRIAL), self.state.incumbent
        if not self.sheet.is_search or best is None or best.value is None:
            return table
        gain = ""
        if default is not None and default.value is not None:
            table.add_row("default", f"trial {default.id}", f"{metric.name} {figure(default.value)}")
            if best.id != default.id:
                gain = signed_figure(metric.direction.sign * (best.value - default.value))
        if default is None or best.id != default.id:
            changes = self._changes(best)
            table.add_row("best", f"trial {best.id}", f"{metric.name} {figure(best.value)}", gain, changes)
        return Group(Text(), table)

    def _running(self) -> RenderableType:
        """A line for each trial that holds resources, and for some that wait for them."""
        records = self.state.records.values()
        running = [record for record in records if record.state is TrialState.RUNNING]
        waiting = [r for r in records if r.state in (TrialState.PAUSED, TrialState.QUEUED)]
        table = Table.grid(padding=(0, 2))
        for record in [*running, *waiting[-_SHOWN_WAITING:]]:
            table.add_row(
                f"trial {record.id}",
                "" if record.state is TrialState.RUNNING else record.state.value,
                f"epoch {record.epochs}/{self.sheet.budget.max_epochs}",
                sparkline([report.value for report in record.reports], self._all_values()),
                "" if record.value is None else figure(record.value),
                self._changes(record),
            )
        return Group(Text(f"\n{self._activity(len(running))}", style="bold"), table)

    def _activity(self, running: int) -> str:
        """What takes the time just now."""
        if running or self.state.phase is not Phase.RUNNING:
            return f"{count(running, 'trial')} running"
        if self.checked:
            return f"final check on the test part: trial {', '.join(self.checked)}"
        is_begun = any(record.state.is_final for record in self.state.records.values())
        return "between two trials" if is_begun else "starting"

    def _changes(self, record: TrialRecord) -> Text:
        default: Params = self.state.records[DEFAULT_TRIAL].params if self.state.records else {}
        if record.id == DEFAULT_TRIAL:
            return Text("default spec")
        names = shorten(record.params)
        changed = changes_from(default, record.params).items()
        text = ", ".join(f"{names[name]}={value_text(new)}" for name, (_, new) in changed)
        return Text(text, no_wrap=True, overflow="ellipsis")

    def _all_values(self) -> list[float]:
        reports = (report for record in self.state.records.values() for report in record.reports)
        return [report.value for report in reports if report.value is not None]


def sparkline(values: Sequence[float | None], among: Sequence[float]) -> str:
    """A curve in a line of text; what was not measured is a gap.

    Args:
        values: one an epoch.
        among: values of all curves, whose least and largest make the scale.
    """
    low, high = (min(among), max(among)) if among else (0.0, 0.0)
    reach = high - low or 1.0
    steps = (None if v is None else round((v - low) / reach * (len(_BLOCKS) - 1)) for v in values)
    return "".join(" " if step is None else _BLOCKS[step] for step in steps)
