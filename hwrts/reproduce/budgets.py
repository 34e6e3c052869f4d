"""What ``--budget tiny``, ``small``, ``medium`` and ``paper`` train, each number with its reason."""

from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import Any

from hwrts.config import RunConfig
from hwrts.data import MAX_MEGAPIXELS
from hwrts.errors import ConfigError
from hwrts.settings_file import parse_config, read_toml

VAL_FRACTION = 0.2
"""Of a folder without validation photographs: of some dozens, enough that one picture does not decide."""

_PAPER_STAGES = 8  # Tables 1 and 2

TABLE3_STAGES = 3
"""Stages that Table 3 shows; a training of it may have more."""


@dataclass(frozen=True)
class Selection:
    """Which part of the photographs is used: so many, spread evenly over their names, and their centres.

    Attributes:
        train: At most so many photographs to train on.
        val: At most so many to validate on.
        train_crop: Rows and columns of the centre that is used; None takes all.
        val_crop: The same of the validation photographs.
    """

    train: int
    val: int
    train_crop: tuple[int, int] | None = None
    val_crop: tuple[int, int] | None = None


@dataclass(frozen=True)
class Experiment:
    """One recurrent training.

    Attributes:
        name: Its run folder is ``runs/NAME``.
        label: As Table 3 calls the network.
        settings: Of the run, without photographs, seed and device.
        selection: Part of the photographs; None takes all.
    """

    name: str
    label: str
    settings: dict[str, Any]
    selection: Selection | None

    def config(
        self,
        train: Path | None,
        val: Path | None,
        seed: int,
        device: str,
        max_megapixels: int = MAX_MEGAPIXELS,
    ) -> RunConfig:
        """The complete settings on these photographs, or on the embedded ones."""
        data = {**self.settings.get("data", {}), "val_fraction": VAL_FRACTION}
        data["max_megapixels"] = max_megapixels
        data |= {name: str(path) for name, path in (("train", train), ("val", val)) if path is not None}
        qat = {"settle": False} | self.settings.get("qat", {})  # nothing of 8 bits; as older results have it
        document = {**self.settings, "data": data, "qat": qat, "seed": seed, "device": device}
        return parse_config(document, f"experiment {self.name}")


@dataclass(frozen=True)
class Budget:
    """What is trained, and in which way it is less than the paper's.

    Attributes:
        name: As on the command line.
        notes: What is reduced, or why not, in sentences for the page.
        stages: The training behind Tables 1 and 2 and Figs. 4 to 6.
        networks: The trainings of Table 3, in the order in which they are made.
    """

    name: str
    notes: tuple[str, ...]
    stages: Experiment
    networks: tuple[Experiment, ...]


def budget(name: str) -> Budget:
    """A budget by its name.

    Raises:
        ConfigError: There is none of this name.
    """
    known = {"tiny": _tiny, "small": _small, "medium": _medium, "paper": _paper}
    if name not in known:
        raise ConfigError(
            f"--budget {name!r} is not allowed; use tiny (a first look, minutes), small (CPU, hours), "
            "medium (CPU, a night) or paper (GPU, days)"
        )
    return known[name]()


_NETWORKS: dict[str, dict[str, Any]] = {
    "Residual1": {"name": "residual", "blocks": 1, "channels": 64, "padding": "zero", "keeps": "nothing"},
    "Residual3": {"name": "residual", "blocks": 3, "channels": 64, "padding": "zero", "keeps": "nothing"},
    "Residual6": {"name": "residual", "blocks": 6, "channels": 64, "padding": "zero", "keeps": "nothing"},
    "SRCNN": {"name": "srcnn", "padding": "zero"},
    "VDSR": {"name": "vdsr", "padding": "zero"},
    "SRResNet": {"name": "srresnet", "padding": "zero"},
    "EDSR": {"name": "edsr", "padding": "zero"},
}
"""Table 3 in its order; the widths that are not written are those of each network's own paper."""


_PAPERS: dict[str, Any] = {
    "blur": 0.0,
    "read_noise": 0.0,
    "shot_noise": 0.0,
    "lr_jpeg": "none",
    "versions": 1,
}
"""The paper knows a compression and a kernel, no noise."""


def _small() -> Budget:
    """Sized for two CPU cores; the reasons count with 115 GFLOP/s, measured in training on two of them."""
    stages = Experiment(
        "small-stages",
        "Residual3",
        {
            "degradation": _PAPERS,
            "data": {"patch": 128},  # a quarter of the paper's pixels: more steps in the time
            "network": _NETWORKS["Residual3"],  # full width: a step takes 0.2 s
            "rts": {
                "stages": _PAPER_STAGES,
                "batch": 8,  # the paper's
                "first_steps": 2000,  # 6.5 minutes; reaches 32.8 dB, a tenth below twice as many
                "steps": 600,  # 2 minutes; a later stage starts from the one before and changes little
                "score": False,  # pictures are scored once, and kept, by this command
                "bound_targets": False,  # as the paper
            },
            "qat": {"steps": 150},  # half the default: 0.8 minutes a stage, and the loss is level by then
        },
        # D(S(HR0)) of all of them takes 2.6 minutes a stage; more photographs would cost more than training.
        Selection(train=26, val=8),
    )
    table3 = {
        "degradation": _PAPERS,
        "data": {"patch": 64},  # EDSR and VDSR take 0.6 to 2 s for a step of these
        "rts": {
            "stages": TABLE3_STAGES,
            "bound_targets": False,
            "batch": 8,  # the paper's
            # 800 steps of all seven networks see 6.6 megapixels of LR each: about 75 minutes together.
            "first_steps": 400,
            "steps": 200,
            "score": False,
        },
        "qat": {"steps": 50, "same_size_steps": 50},  # VDSR's takes as long as its float training
    }
    # 256 x 256 to train on and eight tiles of 256 x 256 to validate on: D(S(HR0)) costs all networks
    # together about 110 s a megapixel and stage, half an hour in all.
    selection = Selection(train=24, val=8, train_crop=(256, 256), val_crop=(512, 1024))
    networks = tuple(
        Experiment(f"small-{label.lower()}", label, {**table3, "network": network}, selection)
        for label, network in _NETWORKS.items()
    )
    notes = (
        "Tables 1 and 2, Figs. 4 to 6: Residual-3 at full width (64 channels), but 2,000 steps of batch 8 "
        "for stage 1 and 600 for each later one, on crops of 128x128 (the paper: 200,000 steps a stage on "
        "256x256), and at most 26 photographs to train on and 8 to validate on (800 and 100). int8: 150 "
        "steps of fine-tuning in place of hwrts' own 300.",
        "Table 3: every network at full size sees the same pixels: 400 steps of batch 8 for stage 1 and 200 "
        "for each later one, on crops of 64x64 out of the centres (256x256) of at most 24 photographs; "
        "validated on the centres (1024x512) of at most 8, so that a tile has 256x256 pixels. The deep "
        "networks are far from trained after so few steps. int8: 50 steps of fine-tuning.",
        "Adam with a one-cycle rate (peak 2e-3 in stage 1, then 1e-3) in place of a constant 1e-3, and the "
        "residual is kept small for 8 bits.",
    )
    return Budget("small", notes, stages, networks)


@dataclass(frozen=True)
class _Course:
    """How long a network of Table 3 is trained, and at which peak rates: stage 1, and each later one."""

    first_steps: int
    steps: int
    first_rate: float
    rate: float


_MEDIUM = {
    # The three stages together are EDSR's first: the paper's headline at equal steps.
    "Residual1": _Course(2000, 1000, 2e-3, 1e-3),
    "Residual3": _Course(3000, 1500, 2e-3, 1e-3),
    "SRCNN": _Course(4000, 1500, 2e-3, 1e-3),
    "Residual6": _Course(3000, 1500, 2e-3, 1e-3),
    "EDSR": _Course(4000, 1500, 1e-3, 5e-4),
    "VDSR": _Course(4000, 1500, 1e-3, 5e-4),
    "SRResNet": _Course(4000, 1500, 1e-3, 5e-4),
}
"""Table 3 in one night, cheapest first: what is finished by morning is a table of those networks."""


def _medium() -> Budget:
    """Sized for one night on two CPU cores: Table 3 with every stage trained until it is level."""
    small = _small()
    stages = replace(small.stages, name="medium-stages")
    # Tiles are those of the whole photographs. To train on, the centres: D(S(HR0)) of all seven networks
    # takes a core 130 s a megapixel.
    selection = Selection(train=26, val=8, train_crop=(640, 640))

    def network(label: str, course: _Course) -> Experiment:
        settings = {
            "degradation": _PAPERS,
            # 32,768 pixels of LR a step: EDSR's and SRResNet's own papers have 36,864 (16 crops of 48x48),
            # VDSR's 107,584 of the output's (64 of 41x41; here 131,072). Of 96x96 the three deep networks
            # alone would train for 14 core hours.
            "data": {"patch": 64},
            "network": _NETWORKS[label],
            "rts": {
                "stages": TABLE3_STAGES,
                "bound_targets": False,  # as the paper
                "batch": 8,  # the paper's
                "first_steps": course.first_steps,
                "steps": course.steps,
                "first_learning_rate": course.first_rate,
                "learning_rate": course.rate,
                "score": False,  # tiles are scored once, and kept, by this command
            },
            "qat": {"steps": 150, "same_size_steps": 100},
        }
        return Experiment(f"medium-{label.lower()}", label, settings, selection)

    notes = (
        "Tables 1 and 2, Figs. 4 to 6: as --budget small, which is enough for them.",
        "Table 3: each network with steps of its own, 2,000 to 4,000 of batch 8 for stage 1 and 1,000 to "
        "1,500 for each later one (the paper: 200,000 a stage), on crops of 64x64 (256x256) out of the "
        "centres (640x640) of at most 26 photographs (800). Residual1 has as many steps in all its stages as "
        "EDSR in its first. Tiles as the paper cuts them, 4x2 of whole photographs, of at most 8 (100). "
        "int8: 150 steps of fine-tuning. Networks that are cheap to train come first.",
        small.notes[-1].replace("then 1e-3)", "then 1e-3; half of them for EDSR, VDSR and SRResNet)"),
    )
    return Budget("medium", notes, stages, tuple(network(*each) for each in _MEDIUM.items()))


def _tiny() -> Budget:
    """Of everything a look: the same networks and stages as small, minutes of training, two pictures."""
    small = _small()

    def shorter(experiment: Experiment, first_steps: int, steps: int, selection: Selection) -> Experiment:
        settings = experiment.settings
        rts = {**settings["rts"], "first_steps": first_steps, "steps": steps}
        few = {"steps": 10, "same_size_steps": 10}  # integers are proved however long they were tuned
        name = experiment.name.replace("small", "tiny")
        return Experiment(name, experiment.label, {**settings, "rts": rts, "qat": few}, selection)

    # At 0.2 s a step: a minute of training, and as much for the targets and scores of eight stages.
    stages = shorter(small.stages, 100, 30, Selection(4, 2, (256, 256), (512, 512)))
    centres = Selection(4, 2, (128, 128), (256, 512))
    # 40 steps of all seven networks see a fifteenth of small's pixels.
    networks = tuple(shorter(each, 20, 10, centres) for each in small.networks)
    notes = (
        "Tables 1 and 2, Figs. 4 to 6: Residual-3 at full width (64 channels), but 100 steps of batch 8 for "
        "stage 1 and 30 for each later one, on crops of 128x128, and the centres of at most 4 photographs to "
        "train on and 2 to validate on. This shows what the pages look like; no number of it is a result.",
        "Table 3: 20 steps of batch 8 for stage 1 and 10 for each later one, on crops of 64x64. Nothing is "
        "trained to its end.",
        small.notes[2],
    )
    return Budget("tiny", notes, stages, networks)


def _paper() -> Budget:
    """The paper's set-up: configs/paper.toml with the stages and networks of each table."""
    base = read_toml(Path(str(resources.files("hwrts") / "configs" / "paper.toml")))
    rts = {**base["rts"], "score": False}  # pictures are scored once, and kept, by this command
    stages = Experiment("paper-stages", "Residual3", {**base, "rts": {**rts, "stages": _PAPER_STAGES}}, None)
    networks = tuple(
        stages  # its first three stages are those of Table 3: nothing is trained twice
        if label == stages.label
        else Experiment(
            f"paper-{label.lower()}",
            label,
            {**base, "network": network, "rts": {**rts, "stages": TABLE3_STAGES}},
            None,
        )
        for label, network in _NETWORKS.items()
    )
    notes = (
        "The paper's set-up (800 + 100 photographs of DIV2K if --data and --val name them), nothing reduced; "
        "JPEG quality 80 and the bilinear kernel, which the paper does not name, are our choice.",
    )
    return Budget("paper", notes, stages, networks)
