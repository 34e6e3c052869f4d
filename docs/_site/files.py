"""The page of files: who writes which, and the JSON schema that is checked when it is read."""

import json
from dataclasses import dataclass

from pydantic import BaseModel

from hwrts.config import RunConfig
from hwrts.files.read import Count, Document, Sha256, Text
from hwrts.reproduce.page import ResultsFile
from hwrts.runs.documents import Measures, MetricLine, RunNotes, VerdictFile
from hwrts.runs.exports import ExportsFile
from hwrts.runs.vectors_file import VectorsFile
from hwrts.sensitivity.file import SensitivityFile
from hwrts.sweep.folder import ConfigurationFile, SweepFile
from hwrts.sweep.spec import SweepSpec
from hwrts.sweep.trial import TrialFile


class _Content(Document):
    bytes: Count
    sha256: Sha256


class _Source(Document):
    run: Text
    stage: Text


class _Target(Document):
    """Of a client's file there is more, which says how it was written."""

    name: Text
    file: Text | None = None
    size: list[Count] | None = None
    checks: list[dict[Text, object]]
    not_run: list[Text]


class HandoverFile(Document):
    """manifest.json of a hand-over: hwrts.export.handover writes it, for programs of others."""

    schema_version: Count
    verdict: Text
    source: _Source
    rounding: Text
    rounding_of_additions: Text
    additions_that_drop_bits: list[Text]
    formats: dict[Text, Text]
    pixel_layout: Text
    padding: dict[Text, Text]
    padding_in_the_file: Text
    take: dict[Text, Text]
    files: dict[Text, _Content]
    target: _Target | None = None


@dataclass(frozen=True)
class File:
    """A file that programs may read."""

    name: str
    about: str
    model: type[BaseModel]


FILES = [
    File("config.toml", "Settings of a run, complete: `hwrts run config.toml` repeats it.", RunConfig),
    File("run.json", "What made a run: command, versions, device, photographs, kept stage.", RunNotes),
    File("metrics.jsonl", "Losses of the trainings, a line each; this is the schema of one.", MetricLine),
    File("stageN/metrics.json", "Measures of a stage: PSNR, image difference, score, fidelity.", Measures),
    File("stageN/verify.json", "The verdict: every comparison, control and proof.", VerdictFile),
    File("stageN/sensitivity.json", "What fewer bits cost each layer.", SensitivityFile),
    File("exports.json", "What a run handed over with `--target`, and what clients made of it.", ExportsFile),
    File(
        "manifest.json",
        "Of a folder of `hwrts export`: what its files are worth, whom each is for, and the sha256 of each.",
        HandoverFile,
    ),
    File("sweep.toml", "What a sweep searches ([sweeps](../sweep.md)).", SweepSpec),
    File("sweep.json", "The sweep that a folder was made for.", SweepFile),
    File("configurations/KEY.json", "A configuration within the budget, and its costs.", ConfigurationFile),
    File("trials/KEY/rungN/trial.json", "What a trial of a sweep gave.", TrialFile),
    File(
        "vectors/manifest.json",
        "Of `hwrts export --format vectors`: cases, arrays and the sha256 of each file "
        "([vectors](../vectors.md)). `schema` is `hwrts.vectors`, `schema_version` 1.",
        VectorsFile,
    ),
    File("results.json", "Of `hwrts reproduce`: rows, and what was found.", ResultsFile),
]


def files_page() -> str:
    """Markdown with a section for each file."""
    sections = [
        "# Files\n\nEvery file appears whole or not at all. Files of other versions may hold further "
        "entries; those named here keep their names and meaning. `network.json` and `network.npz`, the "
        "integers, are described in [arithmetic](../arithmetic.md); `hwrts.fixed_point.load_network` reads "
        "them with NumPy alone.\n"
    ]
    for file in FILES:
        schema = json.dumps(file.model.model_json_schema(), indent=1)
        folded = "\n".join(f"    {line}" for line in ("```json", *schema.splitlines(), "```"))
        sections.append(f'## {file.name}\n\n{file.about}\n\n??? note "JSON schema"\n\n{folded}\n')
    return "\n".join(sections)
