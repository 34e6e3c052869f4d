"""The verdict: every witness, every layer, alone and in sequence, on every stimulus, without tolerance."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwrts.export.compare import Row, compare
from hwrts.export.controls import negative_controls, witness_controls
from hwrts.export.runtime import census, check_model, float_islands, open_session, run_session_all
from hwrts.export.stimuli import Fed, fed, legal, noise_for, synthetic_codes
from hwrts.export.witness import NumpyWitness, Remade, Witness, from_stored, onnx_witnesses, stored_inputs
from hwrts.fixed_point import (
    HwrtsError,
    Network,
    attack_input,
    pair_can_saturate_int16,
    run_counted,
    run_layer,
)

CONTROL_PICTURE = "noise"
"""What each witness computes with a flipped weight bit: small, and every weight matters in it."""

SMALL_PIXELS = 2500
"""onnx.reference computes in slow Python: it is shown pictures of at most this many pixels."""


@dataclass
class Verdict:
    """What was compared and what differed; see :meth:`as_json` for the file's form."""

    rows: dict[tuple[str, str, str], Row] = field(default_factory=dict)
    controls: list[dict[str, Any]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        return (
            f"Verdict(passed={self.passed}, compared={self.compared}, mismatches={self.mismatches}, "
            f"problems={self.problems})"
        )

    @property
    def compared(self) -> int:
        """Codes compared, over all witnesses, layers and stimuli."""
        return sum(row.compared for row in self.rows.values())

    @property
    def mismatches(self) -> int:
        """Codes that differ."""
        return sum(row.mismatches for row in self.rows.values())

    @property
    def passed(self) -> bool:
        """Something was compared everywhere, nothing differed, each control was caught, no other problem."""
        complete = bool(self.rows) and all(row.compared for row in self.rows.values())
        caught = bool(self.controls) and all(control["caught"] for control in self.controls)
        return complete and caught and self.mismatches == 0 and not self.problems

    def as_json(self) -> dict[str, Any]:
        """The content of verify.json; rows with most mismatches first."""
        rows = sorted(self.rows.values(), key=lambda row: -row.mismatches)
        return {
            "schema": "hwrts.verify",
            "schema_version": 1,
            "passed": self.passed,
            "compared": self.compared,
            "mismatches": self.mismatches,
            "tolerance": 0,
            "problems": self.problems,
            "controls": self.controls,
            **self.facts,
            "rows": [row.as_json() for row in rows],
        }


def verify(
    network: Network,
    model: bytes,
    photographs: Mapping[str, NDArray[Any] | Fed],
    witnesses: Sequence[Witness] = (),
    *,
    layers: Iterable[str] | None = None,
    stimuli: Iterable[str] | None = None,
) -> Verdict:
    """Compare every witness with the int64 definition, exactly.

    Args:
        network: The integer network: the definition.
        model: Bytes of the ONNX file that will be handed over.
        photographs: Codes of pictures by name: (H, W, C) of the first input, or of each input by its name.
        witnesses: More of them, beside the NumPy fast path, ONNX Runtime fused and unfused, and
            onnx.reference: the fake-quantised torch module, the C model.
        layers: Only these layers; None for all.
        stimuli: Only these pictures; None for all.

    Raises:
        HwrtsError: A layer or stimulus that does not exist.
    """
    start = time.perf_counter()
    check_model(model)
    verdict = Verdict()
    everyone: list[Witness] = [NumpyWitness(network, "fast"), *onnx_witnesses(network, model), *witnesses]
    wanted = _chosen("layer", [layer.name for layer in network.layers], layers)
    known = {name: fed(network, picture) for name, picture in photographs.items()}
    known |= synthetic_codes(network.inputs)
    known = {name: legal(network, picture) for name, picture in known.items()}
    pictures = {name: known[name] for name in _chosen("stimulus", list(known), stimuli)}
    counted = {name: run_counted(network, picture) for name, picture in pictures.items()}
    definition = {name: tensors for name, (tensors, _) in counted.items()}
    for witness in everyone:
        for mode in ("entire", "single"):
            for layer in wanted:
                verdict.rows[witness.name, mode, layer] = Row(witness.name, mode, layer)
        _compare_entire(verdict, network, witness, pictures, definition, wanted)
    for layer in wanted:
        _compare_single(verdict, network, everyone, definition, layer)
    _compare_file(verdict, network, model, pictures, definition)
    if stimuli is not None:  # chosen pictures may be too large for the slow witness, which is no failure then
        slow = {witness.name for witness in everyone if witness.small_only}
        verdict.rows = {
            key: row for key, row in verdict.rows.items() if row.compared or row.witness not in slow
        }
    _check_attacks(verdict, network)
    untold: list[str] = []
    if definition:
        verdict.controls, untold = negative_controls(network, next(iter(definition.values())))
    if CONTROL_PICTURE in definition:
        others = [witness for witness in witnesses if isinstance(witness, Remade)]
        verdict.controls += witness_controls(
            network, pictures[CONTROL_PICTURE], definition[CONTROL_PICTURE], others
        )
    counts = census(model)
    verdict.problems += [
        f"ONNX Runtime keeps a float island: {island}" for island in float_islands(network, counts)
    ]
    verdict.facts |= {
        "census": counts,
        "untold": untold,
        "stimuli": {name: _shapes(picture) for name, picture in pictures.items()},
        "bounds": _bounds(network),
        "int16_pairs_can_saturate": [conv.name for conv in network.convs if pair_can_saturate_int16(conv)],
        "rounding": network.rounding.value,
        "rounding_of_additions": network.rules.additions.value,
        "saturation": _saturation([counted[name] for name in photographs if name in counted]),
        "formats": {name: str(out) for name, out in network.formats.items()},
        "default_session_mismatches": _default_session(model, network, pictures, definition),
        "seconds": round(time.perf_counter() - start, 2),
    }
    return verdict


def _chosen(what: str, known: list[str], asked: Iterable[str] | None) -> list[str]:
    names = known if asked is None else list(asked)
    for name in names:
        if name not in known:
            raise HwrtsError(f"verify: no {what} named {name!r}; there are {', '.join(known)}")
    return [name for name in known if name in names]


def _compare_entire(
    verdict: Verdict,
    network: Network,
    witness: Witness,
    pictures: Mapping[str, Fed],
    definition: Mapping[str, Mapping[str, NDArray[Any]]],
    layers: Sequence[str],
) -> None:
    for stimulus, picture in pictures.items():
        if witness.small_only and _pixels(network, picture) > SMALL_PIXELS:
            continue
        found, expected = witness.entire(picture), definition[stimulus]
        for layer in layers:
            key = (witness.name, "entire", layer)
            verdict.rows[key] = compare(
                verdict.rows[key], network, stimulus, expected[layer], found.get(layer), expected
            )


def _compare_single(
    verdict: Verdict,
    network: Network,
    witnesses: Sequence[Witness],
    definition: Mapping[str, Mapping[str, NDArray[Any]]],
    name: str,
) -> None:
    """One layer fed with noise, with the attack on its accumulators, and with the definition's own codes."""
    layer = network.layer(name)
    built: dict[str, Mapping[str, NDArray[Any]]] = {"codes of noise": noise_for(network, layer)}
    for conv in network.convs:
        if conv.name == name and network.scales[conv.source]:  # one pixel meets one tap of a kernel alone
            built["accumulator attack"] = {conv.source: attack_input(conv, network.formats[conv.source])[0]}
    answers = {
        stimulus: run_layer(network, layer, tensors, "int64") for stimulus, tensors in built.items()
    } | {stimulus: tensors[name] for stimulus, tensors in definition.items()}
    for witness in witnesses:
        key = (witness.name, "single", name)
        for stimulus, tensors in (*built.items(), *definition.items()):
            if witness.small_only and stimulus in definition and _pixels(network, tensors) > SMALL_PIXELS:
                continue
            found = witness.single(name, {source: tensors[source] for source in layer.sources})
            verdict.rows[key] = compare(
                verdict.rows[key], network, stimulus, answers[stimulus], found, tensors
            )


def _compare_file(
    verdict: Verdict,
    network: Network,
    model: bytes,
    pictures: Mapping[str, Fed],
    definition: Mapping[str, Mapping[str, NDArray[Any]]],
) -> None:
    """The file with nothing exposed: its fusions may differ from those of the copy that shows every layer."""
    rows = {name: Row("onnxruntime, the file", "entire", name) for name in network.outputs}
    for stimulus, found in _run_file(model, network, pictures, exact=True).items():
        expected = definition[stimulus]
        for name, row in rows.items():
            rows[name] = compare(row, network, stimulus, expected[name], found[name], expected)
    verdict.rows |= {(row.witness, row.mode, row.layer): row for row in rows.values()}


def _default_session(
    model: bytes,
    network: Network,
    pictures: Mapping[str, Fed],
    definition: Mapping[str, Mapping[str, NDArray[Any]]],
) -> int:
    """Codes that differ in a session without options (eq. 14 on this CPU). No part of the verdict."""
    found = _run_file(model, network, pictures, exact=False)
    return sum(
        int(np.count_nonzero(codes != definition[stimulus][name]))
        for stimulus, outputs in found.items()
        for name, codes in outputs.items()
    )


def _run_file(
    model: bytes, network: Network, pictures: Mapping[str, Fed], *, exact: bool
) -> dict[str, dict[str, NDArray[Any]]]:
    """Codes by stimulus and output."""
    session = open_session(model, exact=exact)
    stored = {
        stimulus: run_session_all(session, network, stored_inputs(network, picture))
        for stimulus, picture in pictures.items()
    }
    return {
        stimulus: {name: from_stored(codes, network.formats[name]) for name, codes in outputs.items()}
        for stimulus, outputs in stored.items()
    }


def _pixels(network: Network, tensors: Mapping[str, NDArray[Any]]) -> int:
    """Of the first input."""
    height, width, _ = tensors[network.inputs[0].name].shape
    return int(height * width)


def _shapes(picture: Fed) -> list[int] | dict[str, list[int]]:
    """Of the one input, or of each by its name."""
    shapes = {name: list(codes.shape) for name, codes in picture.items()}
    return shapes if len(shapes) > 1 else next(iter(shapes.values()))


def _check_attacks(verdict: Verdict, network: Network) -> None:
    """Every channel's proven bounds are reached exactly: neither too small nor too careful."""
    for layer in network.requantised:
        name, bounds = layer.name, network.bounds[layer.name]
        lowest, highest = layer.attack(*network.formats_of(layer.sources))
        for kind, proved, reached in (
            ("lowest", bounds.lowest, lowest),
            ("highest", bounds.highest, highest),
        ):
            for entry in np.flatnonzero(proved != reached)[:1]:
                verdict.problems.append(
                    f"{name}: the attack on channel {entry} reaches {reached[entry]}, "
                    f"the proven {kind} accumulator is {proved[entry]}"
                )


def _saturation(
    photographs: Sequence[tuple[Mapping[str, NDArray[Any]], Mapping[str, tuple[int, int]]]],
) -> dict[str, dict[str, float]]:
    """Share of each layer's codes that photographs clamp, in percent, of codes and counts by layer."""
    shares: dict[str, dict[str, float]] = {}
    for name in photographs[0][1] if photographs else ():
        total = sum(tensors[name].size for tensors, _ in photographs)
        below, above = (100 * sum(counts[name][end] for _, counts in photographs) / total for end in (0, 1))
        shares[name] = {"below_percent": below, "above_percent": above}
    return shares


def _bounds(network: Network) -> dict[str, dict[str, Any]]:
    return {
        name: {
            "lowest": int(bounds.lowest.min()),
            "highest": int(bounds.highest.max()),
            "partial_sum": int(bounds.partial_sum.max()),
            "bits": int(bounds.bits.max()),
            "exact_in_float32": bounds.exact_in_float32,
        }
        for name, bounds in network.bounds.items()
    }
