"""How each table and figure is made of trainings and measurements."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, get_args

from hwrts.data.depth import Codes
from hwrts.errors import ConfigError
from hwrts.metrics.baselines import repeated_usm
from hwrts.progress import Progress
from hwrts.report import paper
from hwrts.reproduce import measure, sentences, tables
from hwrts.reproduce.budgets import TABLE3_STAGES, Budget, Experiment
from hwrts.reproduce.runs import Source, Trained, is_trained, train
from hwrts.reproduce.scores import ScoreCache
from hwrts.reproduce.sheet import sheet
from hwrts.reproduce.tables import Table
from hwrts.runs.documents import read_verdict

Target = Literal["table1", "table2", "table3", "fig4", "fig5", "fig6"]
TARGETS: tuple[Target, ...] = get_args(Target)


def chosen_targets(name: str) -> tuple[Target, ...]:
    """The results that a name on the command line stands for.

    Raises:
        ConfigError: An unknown name.

    >>> chosen_targets("fig4"), chosen_targets("all") == TARGETS
    (('fig4',), True)
    """
    found = TARGETS if name == "all" else tuple(target for target in TARGETS if target == name)
    if not found:
        raise ConfigError(f"{name!r} can't be reproduced; use {', '.join(TARGETS)} or all")
    return found


@dataclass
class Work:
    """What the results share, each piece made when it is first needed."""

    root: Path
    budget: Budget
    source: Source
    notes: dict[str, Any]
    progress: Progress
    int8: bool
    cache: ScoreCache
    _qualities: dict[str, tables.Quality] = field(default_factory=dict)

    def train(self, experiment: Experiment, *, int8: bool | None = None) -> Trained:
        """The finished run of an experiment; None: with int8 where that is wanted."""
        wanted = self.int8 if int8 is None else int8
        return train(self.root, experiment, self.source, self.notes, int8=wanted, progress=self.progress)

    def is_trained(self, experiment: Experiment, *, int8: bool) -> bool:
        """Whether the run of an experiment is there, in float or with int8."""
        return is_trained(self.root, experiment, int8=int8)

    @cached_property
    def stages(self) -> Trained:
        """The training behind everything but Table 3."""
        return self.train(self.budget.stages)

    @cached_property
    def originals(self) -> measure.Pictures:
        """HR0."""
        return measure.float_pictures(self.stages.val, 0)

    def enhanced(self) -> list[measure.Pictures]:
        """HR1, HR2, ... of the float networks."""
        return [measure.float_pictures(self.stages.val, n) for n in self._numbers]

    def enhanced_int8(self) -> list[measure.Pictures]:
        """HR1, HR2, ... of the int8 networks; none without --int8."""
        return [measure.int8_pictures(self.stages, n) for n in self._numbers] if self.int8 else []

    @property
    def _numbers(self) -> range:
        return range(1, self.stages.stages + 1)

    @cached_property
    def levels(self) -> list[tuple[float, float]]:
        """Differences of HR1, HR2, ... from HR0."""
        return [measure.differences(self.originals, each) for each in self.enhanced()]

    def quality(self, pictures: measure.Pictures) -> tables.Quality:
        """Mean scores of pictures, by their name."""
        if pictures.name not in self._qualities:
            with self.progress.task(f"scoring {pictures.name}", pictures.count) as advance:
                scores = self.cache.of(pictures, lambda done: advance(done, ""))
            self._qualities[pictures.name] = measure.quality(scores)
        return self._qualities[pictures.name]

    def mos(self, pictures: Sequence[measure.Pictures]) -> list[float]:
        """Mean unclipped MOS of each set of pictures."""
        return [self.quality(each).mos_raw for each in pictures]


Made = tuple[Table, Codes | None]
"""Rows and findings, and the picture of a figure that is one."""


def _table1(work: Work) -> Iterator[Made]:
    int8 = [measure.differences(work.originals, each) for each in work.enhanced_int8()]
    columns, rows = tables.difference_rows(work.levels, int8)
    findings = [
        sentences.differences_converge([full for full, _ in work.levels]),
        sentences.contracts(measure.contractions(work.originals, work.enhanced()[0])),
    ]
    if int8:
        findings.append(_proof([work.stages], work.stages.stages))
    yield (
        Table("table1", _title("Table 1: difference of HRn from HR0", work), columns, rows, tuple(findings)),
        None,
    )


def _fig4(work: Work) -> Iterator[Made]:
    levels = [full for full, _ in work.levels]
    usm = measure.usm_differences(work.originals, len(levels))
    columns, rows = tables.usm_rows(levels, usm)
    findings = (
        sentences.differences_converge(levels),
        sentences.usm_is_linear(usm, levels),
        sentences.usm_does_not_settle(usm, levels),
    )
    yield (
        Table("fig4", _title("Fig. 4: recurrent training and repeated USM", work), columns, rows, findings),
        None,
    )


def _table2(work: Work) -> Iterator[Made]:
    shown = [
        *measure.lr_pictures(work.stages.val),
        work.originals,
        *work.enhanced(),
        *work.enhanced_int8(),
    ]
    columns, rows = tables.quality_rows({each.name: work.quality(each) for each in shown})
    title = _title("Table 2: VIQET (Outdoor Day), means of the validation photographs, LR by bicubic", work)
    yield Table("table2", title, columns, rows, _quality_findings(work)), None


def _fig6(work: Work) -> Iterator[Made]:
    shown = [work.originals, *work.enhanced(), *work.enhanced_int8()]
    columns, rows = tables.quality_rows({each.name: work.quality(each) for each in shown})
    title = _title("Fig. 6: MOS and measures against the stage", work)
    yield Table("fig6", title, columns, rows, _quality_findings(work)), None


def _quality_findings(work: Work) -> tuple[sentences.Finding, ...]:
    mos = work.mos([work.originals, *work.enhanced()])
    findings = [sentences.mos_rises_and_peaks(mos)]
    if work.int8:
        findings.append(sentences.int8_keeps_gain(mos, work.mos(work.enhanced_int8())))
        findings.append(_proof([work.stages], work.stages.stages))
    return tuple(findings)


def _fig5(work: Work) -> Iterator[Made]:
    enhanced = work.enhanced()

    def masked(times: int) -> measure.Pictures:
        make = work.originals.make
        return measure.Pictures(
            f"USM x{times}", work.originals.count, lambda i: repeated_usm(make(i), times)[-1]
        )

    shown = [work.originals, *enhanced, *work.enhanced_int8()[-1:]]
    masks = [masked(times) for times in range(1, len(enhanced) + 1)]
    measured = {
        each.name: (work.quality(each).mos_raw, measure.side_effects(work.originals, each))
        for each in [*shown, *masks]
    }
    columns, rows = tables.artefact_rows(measured)
    finding = sentences.cleaner_than_usm(
        measured[work.originals.name][0],
        {each.name: measured[each.name] for each in enhanced},
        [measured[mask.name] for mask in masks],
    )
    title = _title("Fig. 5: pieces at 1:1 of HR0, every stage, and unsharp masks", work)
    best = max(measured[each.name][0] for each in enhanced)
    equal = next((i for i, mask in enumerate(masks) if measured[mask.name][0] >= best), len(masks) - 1)
    pieces = sheet(work.originals, [*shown, *(masks[i] for i in sorted({0, equal, len(masks) - 1}))])
    yield Table("fig5", title, columns, rows, (finding,)), pieces


def _table3(work: Work) -> Iterator[Made]:
    """Of all networks that are trained already, and again after each that is not, in the budget's order.

    Those that lack int8 alone have their float rows meanwhile: what a page shows never becomes less.
    """
    networks = work.budget.networks
    missing = [each for each in networks if not work.is_trained(each, int8=work.int8)]
    trainings: dict[str, Trained] = {}
    results: dict[str, tables.NetworkResult] = {}
    for experiment in networks:
        int8 = work.int8 and experiment not in missing
        if experiment not in missing or work.is_trained(experiment, int8=False):
            trainings[experiment.label] = trained = work.train(experiment, int8=int8)
            results[experiment.label] = _network(work, trained, int8=int8)
    for experiment in missing:
        if results:
            yield _networks(work, trainings, results)
        trainings[experiment.label] = trained = work.train(experiment)
        results[experiment.label] = _network(work, trained, int8=work.int8)
    yield _networks(work, trainings, results)


def _networks(work: Work, trainings: dict[str, Trained], results: dict[str, tables.NetworkResult]) -> Made:
    """Table 3 of the networks so far, in the paper's order."""
    labels = [label for label in paper.NETWORKS if label in results]
    columns, rows = tables.network_rows([results[label] for label in labels])
    mos = {label: results[label].mos for label in labels}
    findings = [sentences.stages_help_every_network(mos), sentences.peaks_are_the_papers(mos)]
    both = {"Residual1", "EDSR"} <= results.keys()
    if both:
        findings.insert(0, sentences.repetition_beats_size(mos))
    mos_int8 = {label: results[label].mos_int8 for label in labels if results[label].mos_int8}
    if mos_int8:
        if both and "Residual1" in mos_int8:
            findings.append(_fairly(results["Residual1"], results["EDSR"]))
        findings.append(sentences.int8_keeps_every_gain({each: mos[each] for each in mos_int8}, mos_int8))
        findings.append(_proof([trainings[label] for label in mos_int8], TABLE3_STAGES))
    title = f"Table 3: mean MOS (raw) of 4x2 tiles of each validation photograph, budget {work.budget.name}"
    missing = [each.label for each in work.budget.networks if each.label not in results]
    without = [label for label in labels if label not in mos_int8] if work.int8 else []
    open_ones = {"not trained yet": missing, "not in int8 yet": without}
    told = [f"{what}: {', '.join(found)}" for what, found in open_ones.items() if found]
    if told:
        title += f"; {'; '.join(told)}, which the same command goes on with"
    return Table("table3", title, columns, rows, tuple(findings)), None


def _fairly(small: tables.NetworkResult, large: tables.NetworkResult) -> sentences.Finding:
    """The paper's headline as a TV has it: the small network in integers, the large one in float."""
    return sentences.int8_repetition_beats_size(
        small.mos_int8[-1], large.mos[1], sum(small.steps), large.steps[0], len(small.steps)
    )


def _network(work: Work, trained: Trained, *, int8: bool) -> tables.NetworkResult:
    stages = min(TABLE3_STAGES, trained.stages)
    numbers = range(1, stages + 1)
    shown = [measure.float_pictures(trained.val, n) for n in (0, *numbers)]
    shown += [measure.int8_pictures(trained, n) for n in numbers] if int8 else []
    mos = [_tile_mos(work, trained, pictures) for pictures in shown]
    seconds = trained.seconds(stages)
    targets, training = seconds.pop("targets", 0.0), seconds.pop("train", 0.0)
    return tables.NetworkResult(
        trained.label,
        trained.parameters,
        tuple(trained.steps(n) for n in numbers),
        tuple(mos[: stages + 1]),
        tuple(mos[stages + 1 :]),
        training,
        targets,
        sum(seconds.values()),
    )


def _tile_mos(work: Work, trained: Trained, pictures: measure.Pictures) -> float:
    count = pictures.count * math.prod(measure.TILES)
    with work.progress.task(f"{trained.label}: scoring tiles of {pictures.name}", count) as advance:
        return measure.tile_mos(work.cache, pictures, lambda done: advance(done, ""))


def _proof(trainings: Sequence[Trained], stages: int) -> sentences.Finding:
    """The verdicts of all int8 networks of the first stages."""
    verdicts = [
        read_verdict(stage.verify)
        for trained in trainings
        for stage in trained.run.stages()
        if stage.number <= stages
    ]
    return sentences.int8_is_proved(
        sum(bool(verdict["passed"]) for verdict in verdicts),
        len(verdicts),
        sum(int(verdict["compared"]) for verdict in verdicts),
        sum(int(verdict["mismatches"]) for verdict in verdicts),
    )


def _title(text: str, work: Work) -> str:
    return f"{text} ({work.stages.run.config.network.title}, budget {work.budget.name})"


MAKERS: dict[Target, Callable[[Work], Iterator[Made]]] = {
    "table1": _table1,
    "table2": _table2,
    "table3": _table3,
    "fig4": _fig4,
    "fig5": _fig5,
    "fig6": _fig6,
}
"""Each yields its result, and Table 3 what there is of it whenever a network is finished."""
