"""A finished network of a run, and what can be asked of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwrts.api.door import public
from hwrts.api.export import asked_for, export_stage
from hwrts.api.verify import verify_stages
from hwrts.cost.network import Cost, network_cost
from hwrts.data import Picture, codes_of, with_result
from hwrts.data.depth import Samples
from hwrts.errors import ConfigError, DataError, NotWrittenError
from hwrts.export import Verdict
from hwrts.fixed_point import Adjusted, Network, load_network
from hwrts.progress import Told, telling
from hwrts.runs.documents import read_measures, read_verdict
from hwrts.runs.engines import Deployed, make_engine
from hwrts.runs.folder import RunFolder, StageFolder, open_run
from hwrts.runs.strength import asked_strength

# Letters of the shape comments: H rows, W columns, C channels, S scale.


@public
def load(path: str | Path, stage: str | int | None = None) -> "Stage":
    """A finished network: of a run, chosen as every command does, or the one of a stage's folder.

    Args:
        path: A run folder such as "runs/first", or a stage's such as "runs/first/stage2".
        stage: Of a run folder: 2 (x2), "2-same" (same size), "2-w4a8" (other widths). None takes that of the
            kept stage: its same-size network, as a TV deploys it, or the x2 one if it has none.

    Raises:
        RunFolderError: It is no run, or there is no such stage that is finished.
    """
    root = Path(path)
    if stage is None and not (root / "run.json").is_file() and (root.parent / "run.json").is_file():
        root, stage = root.parent, root.name.removeprefix("stage")
    run = open_run(root)
    return Stage(run, run.network(None if stage is None else str(stage)))


@dataclass(frozen=True)
class Stage:
    """A finished int8 network of a run.

    Attributes:
        run: Folder of the run.
        files: Folder of the network: its float, fake-quantised, integer and ONNX form, verdict and measures.
    """

    run: RunFolder
    files: StageFolder

    def __repr__(self) -> str:
        return f"hwrts.load({str(self.run.root)!r}, {self.name!r})"

    @property
    def report(self) -> Path:
        """The page of its run, for a browser."""
        return self.run.report

    @property
    def name(self) -> str:
        """Such as "2", "2-same" or "2-w4a8"."""
        return self.files.name

    @property
    def root(self) -> Path:
        """The folder of the network's files."""
        return self.files.root

    @property
    def stages(self) -> tuple[str, ...]:
        """Names of all finished networks of the run, for ``hwrts.load(run, name)``."""
        return tuple(stage.name for stage in self.run.stages())

    @property
    def measures(self) -> dict[str, Any]:
        """PSNR, image difference, score and seconds, as in metrics.json."""
        return read_measures(self.files.metrics)

    @property
    def proved(self) -> bool:
        """Whether no code differed when its witnesses were compared last."""
        return bool(read_verdict(self.files.verify)["passed"])

    @cached_property
    def network(self) -> Network:
        """The integers: ``hwrts.fixed_point.run(stage.network, picture)`` needs NumPy alone."""
        return load_network(self.root)

    @cached_property
    def _engines(self) -> dict[Adjusted | None, Deployed]:
        return {}

    def _engine(self, strength: float | None, coring: int | None, overshoot: int | None) -> Deployed:
        """Made once of each strength and its limits."""
        how = asked_strength(strength, coring, overshoot)
        if how not in self._engines:
            self._engines[how] = make_engine("onnxruntime", self.files, how=how)
        return self._engines[how]

    @public
    def enhance(
        self,
        picture: NDArray[Any],
        *,
        strength: float | None = None,
        coring: int | None = None,
        overshoot: int | None = None,
    ) -> Samples:
        """The picture enhanced at its own size, in tiles, so in bounded memory: ``hwrts enhance``.

        Args:
            picture: (H, W, 3) RGB or (H, W) grey, uint8 or uint16.
            strength: By what the network's correction is multiplied, 0 to 2 in steps of 1/16; None is 1.
            coring: Drop corrections of at most so many codes, 0..127; None drops none.
            overshoot: Leave the range of the 3x3 pixels around by at most so many codes, 0..255.

        Returns:
            The same shape and dtype; of a module that makes another size, what it makes, in 8 bits.

        Raises:
            ConfigError: Other numbers.
            DataError: No such array.
            HwrtsError: The files are not the ones that were verified, the network takes no picture, or has no
                correction that could be adjusted.
        """
        engine = self._engine(strength, coring, overshoot)
        grows = engine.enlargement
        return self._made(picture, engine.enhance if grows else engine.upscale, grows and 1, engine.bits)

    @public
    def upscale(
        self,
        picture: NDArray[Any],
        *,
        strength: float | None = None,
        coring: int | None = None,
        overshoot: int | None = None,
    ) -> Samples:
        """The picture up-scaled by the network's scale S, 2 for those that a run trains.

        Args:
            picture: (H, W, 3) RGB or (H, W) grey, uint8 or uint16.
            strength: As in :meth:`enhance`; 0 repeats pixels.
            coring: As in :meth:`enhance`.
            overshoot: As in :meth:`enhance`.

        Returns:
            (S*H, S*W, 3) or (S*H, S*W), of the same dtype.

        Raises:
            ConfigError: The network keeps the size; that of the stage's number is for x2. Or other numbers.
            DataError: No such array.
            HwrtsError: As :meth:`enhance`.
        """
        if self.files.same_size:
            raise ConfigError(
                f"stage {self.name} of {self.run.root}: its network keeps the size; for x2 take "
                f"hwrts.load({str(self.run.root)!r}, {self.files.number})"
            )
        engine = self._engine(strength, coring, overshoot)
        return self._made(picture, engine.upscale, engine.enlargement, engine.bits)

    def _made(
        self,
        picture: NDArray[Any],
        make: Callable[[NDArray[Any]], NDArray[Any]],
        scale: int | None,
        bits: int,
    ) -> Samples:
        given = _picture(picture)
        made = with_result(given, make(codes_of(given, bits)), scale, bits).samples  # (SH, SW, C)
        return made[..., 0] if picture.ndim == 2 else made

    def cost(self) -> Cost:
        """Parameters, MACs, line memory, traffic and proved accumulators (docs/cost.md): ``hwrts cost``."""
        return network_cost(self.network)

    @public
    def verify(self, progress: Told | None = None) -> Verdict:
        """Compare every witness at every layer again, exactly, and keep the verdict: ``hwrts verify``.

        Args:
            progress: As in ``hwrts.train``.

        Returns:
            ``passed``, codes ``compared``, ``mismatches``, and each comparison in ``rows``.

        Raises:
            RunFolderError: A file is missing or damaged.
        """
        told = telling(progress)

        def wrote(write: Callable[[], None]) -> bool:
            try:
                write()
            except NotWrittenError as error:
                told.say(f"nothing was written: {error}")
                return False
            return True

        return verify_stages(self.run, [self.files], told, wrote)[self.name]

    @public
    def export(
        self,
        output: str | Path,
        *,
        target: str | None = None,
        size: tuple[int, int] | None = None,
        opset: int | None = None,
        ir_version: int | None = None,
        check: bool = True,
        formats: str | Sequence[str] = (),
        circuit: Mapping[str, Any] | None = None,
        strength: float | None = None,
        strength_input: bool = False,
        coring: int | None = None,
        overshoot: int | None = None,
        unverified: bool = False,
        force: bool = False,
        progress: Told | None = None,
    ) -> dict[str, Any]:
        """Hand over ONNX, integers, verdict, manifest, and the file of a client: ``hwrts export``.

        Args:
            output: Folder to make.
            target: A client of docs/targets.md, such as "qnn" or "tflite"; None: what most of them take.
            size: (height, width) of its pictures.
            opset: Of its file.
            ir_version: Of its file; None takes the lowest for the opset.
            check: Run it in the client, where that is installed.
            formats: What else the folder holds: "c", "rtl", "vectors".
            circuit: How that of "rtl" is folded: ``{"multipliers": 400}``, or ``"cycles"`` for a pixel, or
                ``"mode"`` and ``"clock_mhz"``; and ``"weights"``, "rom" or "loadable" (docs/silicon.md).
            strength: As in :meth:`enhance`: of the network that is handed over, which is compared anew then.
            strength_input: Make the strength an input of it: codes 0..32 are sixteenths (docs/strength.md).
            coring: As in :meth:`enhance`.
            overshoot: As in :meth:`enhance`.
            unverified: Hand over a network that did not pass.
            force: Replace an earlier hand-over.
            progress: As in ``hwrts.train``.

        Returns:
            The manifest; ``["target"]["checks"]`` says how many codes differ in the client.

        Raises:
            HwrtsError: It did not pass, the client cannot be told this network, or the folder is taken.
        """
        how = asked_strength(strength, coring, overshoot, register=strength_input)
        asked, forms, folded = asked_for(target, size, opset, ir_version, check, formats, circuit)
        told = telling(progress)
        return export_stage(
            self.run,
            self.files,
            Path(output),
            asked,
            told,
            told.say,
            unverified=unverified,
            force=force,
            formats=forms,
            circuit=folded,
            how=how,
        )


def _picture(given: NDArray[Any]) -> Picture:
    """An array as a picture.

    Raises:
        DataError: It is none.
    """
    array = np.asarray(given)
    if array.dtype not in (np.uint8, np.uint16) or array.ndim not in (2, 3) or not array.size:
        raise DataError(f"picture: {array.dtype} {array.shape} is none; {_PICTURE}")
    samples = array[..., np.newaxis] if array.ndim == 2 else array
    if samples.shape[2] not in (1, 3):
        raise DataError(f"picture: {array.shape} has {samples.shape[2]} channels; {_PICTURE}")
    return Picture(samples)


_PICTURE = "give (height, width, 3) or (height, width), uint8 or uint16"
