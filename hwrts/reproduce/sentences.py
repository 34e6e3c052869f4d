"""What agrees with the paper, said from the numbers, whichever way they turn out."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hwrts.metrics import Artefacts, Spread
from hwrts.report import paper

KEPT_SHARE = 0.9
"""An int8 network keeps the gain if it has at least nine tenths of it: the rest is less than the step from
the paper's HR2 to HR3, the smallest one that it counts as progress (0.029 of 0.232)."""

FLAT_SHARE = 0.1
"""Stages after the peak make a plateau if they pass it by less than a tenth of the gain up to it; the paper's
step from HR2 to HR3, the smallest that it counts as progress, is an eighth (0.029 of 0.232)."""

SETTLED_SHARE = 0.25
"""Changes have settled when each is below this share of the first one: the paper's largest after its smallest
is a seventh (0.14 of 0.95)."""

NOISE_SHARE = 0.05
"""A change below this share of the first one is none: its sign is that of rounding, and of what the mean
drifts."""

FEWEST = 3
"""Steps of which a course can be told: two always shrink, or do not."""

SMALLEST_GAIN = 0.029
"""Of MOS: the paper's step from HR2 to HR3, the smallest that it counts as progress."""

LINEAR_RATIO = 1.25
"""Steps of one line are equal; a quarter is left to what rounding to codes takes from the first masks. Those
of HR_n differ by 95 to 1 in the paper."""

STEADY_SHARE = 0.9
"""Steps that fall below this share of the first one are settling."""


@dataclass(frozen=True)
class Finding:
    """A claim of the paper against the measurement."""

    claim: str
    agrees: bool
    text: str


def unsettled(steps: Sequence[float]) -> str | None:
    """Why a course of changes does not converge, or None if it does.

    It does if the first change leads away from HR0, the sizes of the next ones shrink down to the smallest
    one, all after that stay small (SETTLED_SHARE), and none leads back toward HR0: targets that swing do not
    settle. A difference of less than NOISE_SHARE of the first change is none.

    >>> unsettled([0.95, 0.40, 0.12, 0.01, 0.03]), unsettled([1.0, -0.3, 0.1])
    (None, 'stage 2 goes back by 0.30 %')
    """
    if len(steps) < FEWEST:
        return f"{len(steps)} changes are too few to tell"
    first = steps[0]
    if first <= 0:
        return "stage 1 does not change the picture"
    small = NOISE_SHARE * first
    for stage, step in enumerate(steps[1:], 2):
        if step < -small:
            return f"stage {stage} goes back by {_percent(-step)}"
    smallest = _smallest(steps)
    for stage in range(2, smallest + 2):
        now, before = abs(steps[stage - 1]), abs(steps[stage - 2])
        if now > before + small:
            return f"the change grows at stage {stage}, from {_percent(before)} to {_percent(now)}"
    for stage, step in enumerate(steps[smallest:], smallest + 1):
        if abs(step) >= SETTLED_SHARE * first:
            return f"stage {stage} still changes by {_percent(step)}"
    return None


def differences_converge(levels: Sequence[float]) -> Finding:
    """Table 1: the change from stage to stage becomes small, and no later one is large again.

    Args:
        levels: Difference of HR_n from HR0 in %, for n = 1, 2, ...
    """
    steps, known = changes(levels), changes(paper.DIFFERENCE_PERCENT)
    smallest, known_smallest = _smallest(steps), _smallest(known)
    why = unsettled(steps)
    return Finding(
        "differences converge",
        why is None,
        f"The differences {'converge' if why is None else f'do not converge, {why}'}: the change is smallest "
        f"at stage {smallest + 1}, {_percent(steps[smallest])} after {_percent(steps[0])} at stage 1; the "
        f"paper's at stage {known_smallest + 1}, {_percent(known[known_smallest])} after "
        f"{_percent(known[0])}. The last step is {_percent(steps[-1])}, HR{len(levels)} differs from HR0 by "
        f"{_percent(levels[-1])}"
        + (
            f", the paper's by {_percent(paper.DIFFERENCE_PERCENT[len(levels) - 1])}."
            if len(levels) <= len(paper.DIFFERENCE_PERCENT)
            else "."
        ),
    )


def contracts(measured: Spread | None) -> Finding:
    """The reason for convergence: a stage adds a share a < 1 of what down-scaling loses.

    Args:
        measured: a of stage 1 over the photographs, which must be between 0 and 1 by its deviation; None
            if no photograph has detail to lose.
    """
    claim = "a stage contracts"
    if measured is None:
        return Finding(claim, False, "No photograph has detail that down-scaling loses: there is no a.")
    agrees = measured.mean - measured.deviation > 0 and measured.mean + measured.deviation < 1
    return Finding(
        claim,
        agrees,
        f"The contraction a of stage 1 is {measured} over {measured.count} photographs, "
        f"{'below 1, so targets converge' if agrees else 'not between 0 and 1 for most of them'}; the paper, "
        f"which does not say how it measures a, has {paper.CONTRACTION}.",
    )


def cleaner_than_usm(
    original: float,
    stages: Mapping[str, tuple[float, Artefacts]],
    masks: Sequence[tuple[float, Artefacts]],
) -> Finding:
    """Whether the best stage's MOS comes with smaller halos and less noise than USM's of the same MOS.

    Args:
        original: Raw MOS of HR0, which a better score must pass.
        stages: By name, raw MOS and artefacts of HR1, HR2, ...
        masks: The same after 1, 2, ... unsharp masks. If none has the MOS, the best one is compared: it rings
            for less.
    """
    claim = "a better score without ringing"
    name, (mos, ours) = max(stages.items(), key=lambda item: item[1][0])
    if mos <= original:
        return Finding(claim, False, f"No stage has a better score: {name} {mos:.3f}, HR0 {original:.3f}.")
    reached = [(n, score, found) for n, (score, found) in enumerate(masks, 1) if score >= mos]
    best = max(range(len(masks)), key=lambda i: masks[i][0])
    times, score, usm = reached[0] if reached else (best + 1, *masks[best])
    if ours.overshoot is None or usm.overshoot is None or ours.noise_gain is None or usm.noise_gain is None:
        return Finding(claim, False, "The photographs have no edges or no flat areas to measure on.")
    which = "the fewest of at least this MOS" if reached else "which do not reach this MOS"
    return Finding(
        claim,
        ours.overshoot <= usm.overshoot and ours.noise_gain <= usm.noise_gain,
        f"{name} (MOS {mos:.3f}) overshoots edges by {ours.overshoot:.2f} codes and multiplies noise by "
        f"{ours.noise_gain:.2f}; USM {times} times, {which} ({score:.3f}), by "
        f"{usm.overshoot:.2f} codes and {usm.noise_gain:.2f}.",
    )


def usm_is_linear(usm: Sequence[float], levels: Sequence[float]) -> Finding:
    """Fig. 4: repeated USM departs from the original in equal steps, recurrent training in shrinking ones.

    Args:
        usm: Difference after 1, 2, ... masks in %.
        levels: Difference of HR_n in %.
    """
    steps = changes(usm)
    ratio = max(steps) / min(steps) if min(steps) > 0 else float("inf")
    agrees = len(steps) >= FEWEST and ratio <= LINEAR_RATIO
    how = "in a line" if agrees else "faster than a line" if steps[-1] > steps[0] else "slower than a line"
    how = how if len(steps) >= FEWEST else f"in {len(steps)} steps, too few for a line"
    last = changes(levels)[-1]
    return Finding(
        "USM grows linearly",
        agrees,
        f"Repeated USM grows {how}: its largest step is {ratio:.1f} times its smallest, "
        f"and the last one adds {_percent(steps[-1])} where stage {len(levels)} adds {_percent(last)}; the "
        "paper draws a straight line up.",
    )


def usm_does_not_settle(usm: Sequence[float], levels: Sequence[float]) -> Finding:
    """Fig. 4: what matters of it, that USM does not settle where recurrent training does."""
    steps, grown = changes(usm), changes(levels)
    steady = len(steps) >= FEWEST and steps[0] > 0 and min(steps) >= STEADY_SHARE * steps[0]
    agrees = steady and unsettled(grown) is None
    return Finding(
        "USM grows without bound",
        agrees,
        f"From the first to the last step, USM's go from {_percent(steps[0])} to {_percent(steps[-1])} and "
        f"those of HRn from {_percent(grown[0])} to {_percent(grown[-1])}: "
        f"{'only' if agrees else 'not only'} recurrent training settles; the paper says it alone does.",
    )


def mos_rises_and_peaks(mos: Sequence[float]) -> Finding:
    """Table 2, Fig. 6: the MOS of HR0, HR1, ... rises up to a stage and then no more.

    The peak is where the paper's rule (section 3.4) stops: the stage after which the score first falls.
    Later stages may rise again by less than FLAT_SHARE of the gain: that is a plateau. A gain of less than
    SMALLEST_GAIN is none.

    Args:
        mos: Mean MOS of HR0, HR1, ...
    """
    claim = "MOS rises with the stage and peaks"
    known = [paper.QUALITY[f"HR{n}"].mos for n in range(len(paper.DIFFERENCE_PERCENT) + 1)]
    known_peak = _largest(known)
    peak = next((n for n, (a, b) in enumerate(itertools.pairwise(mos)) if b <= a), len(mos) - 1)
    gain, later = mos[peak] - mos[0], max(mos[peak:])
    flat = _largest_rise(mos[peak:]) < FLAT_SHARE * gain
    if peak == 0:
        return Finding(claim, False, f"MOS does not rise: HR1 has {mos[1]:.3f}, HR0 {mos[0]:.3f}.")
    if gain < SMALLEST_GAIN:
        return Finding(claim, False, f"MOS rises by {gain:.3f} up to stage {peak}, which is nothing.")
    last = peak == len(mos) - 1
    level = f" and is level after it (within {max(abs(m - mos[peak]) for m in mos[peak:]):.3f})"
    past = f" and falls after it; stage {_largest(mos)} is better by {later - mos[peak]:.3f}"
    swing = f" and swings after it, up by {_largest_rise(mos[peak:]):.3f} again"
    past = past if later > mos[peak] else swing
    after = (
        ", the last" if last else past if not flat else " and falls after it" if later <= mos[peak] else level
    )
    return Finding(
        claim,
        flat and not last,
        f"MOS rises up to stage {peak}{after}, the paper's up to {known_peak}: {mos[peak]:.3f} is "
        f"{gain:+.3f} over HR0, the paper's {known[known_peak]:.3f} {known[known_peak] - known[0]:+.3f}.",
    )


def int8_keeps_gain(mos: Sequence[float], mos_int8: Sequence[float]) -> Finding:
    """Whether the deployed network keeps what the float one gained over HR0.

    Args:
        mos: Mean MOS of HR0, HR1, ... of the float networks.
        mos_int8: Mean MOS of HR1, ... of the int8 ones.
    """
    best = max(1, _largest(mos))
    gain, gain_int8 = mos[best] - mos[0], mos_int8[best - 1] - mos[0]
    agrees = gain >= SMALLEST_GAIN and gain_int8 >= KEPT_SHARE * gain
    share = (
        f"{100 * gain_int8 / gain:.0f} % of it" if gain >= SMALLEST_GAIN else "so there is no gain to keep"
    )
    verb = "keeps" if agrees else "does not keep"
    return Finding(
        "int8 keeps the gain",
        agrees,
        f"At stage {best} int8 {verb} the gain: the float network's MOS is {gain:+.3f} over HR0, the int8 "
        f"one's {gain_int8:+.3f}, {share}; the paper has no int8.",
    )


def int8_keeps_every_gain(
    mos: Mapping[str, Sequence[float]], mos_int8: Mapping[str, Sequence[float]]
) -> Finding:
    """Table 3: whether the gain of each network survives quantisation, each at its own best stage.

    Args:
        mos: Mean MOS of HR0, HR1, ... of each float network.
        mos_int8: Mean MOS of HR1, ... of its int8 networks.
    """
    shares = {}
    for name, scores in mos.items():
        best = max(1, _largest(scores))
        gain = scores[best] - scores[0]
        shares[name] = (mos_int8[name][best - 1] - scores[0]) / gain if gain >= SMALLEST_GAIN else 0.0
    kept = sum(share >= KEPT_SHARE for share in shares.values())
    least = min(shares, key=lambda name: shares[name])
    return Finding(
        "int8 keeps every network's gain",
        kept == len(shares),
        f"int8 keeps at least {100 * KEPT_SHARE:.0f} % of the gain with {kept} of {len(shares)} networks; "
        f"the least is {100 * shares[least]:.0f} % ({least}).",
    )


def repetition_beats_size(mos: Mapping[str, Sequence[float]]) -> Finding:
    """Table 3: the smallest network after stage 3 is above the largest one after stage 1, and above itself.

    Args:
        mos: Mean MOS of HR0, HR1, ... of each network; Residual1 and EDSR among them.
    """
    small, large = mos["Residual1"], mos["EDSR"]
    known = paper.NETWORKS["Residual1"].mos[3], paper.NETWORKS["EDSR"].mos[1]
    after = len(small) - 1
    agrees = small[after] > large[1] and small[after] > small[1]
    below = [name for name, scores in mos.items() if scores[1] < small[after]]
    return Finding(
        "repetition beats size",
        agrees,
        f"Residual1 after stage {after} is {'above' if small[after] > large[1] else 'not above'} EDSR after "
        f"stage 1{'' if small[after] > small[1] else ' but not above itself after stage 1'}: "
        f"{small[after]:.3f} against {large[1]:.3f}, in the paper {known[0]:.3f} against {known[1]:.3f}. "
        f"It is above {len(below)} of the {len(mos)} networks after stage 1, in the paper above all.",
    )


def int8_repetition_beats_size(
    small: float, large: float, steps_small: int, steps_large: int, stages: int
) -> Finding:
    """Table 3's headline as a TV has it, and fairly: the small network in int8 and no more training.

    Args:
        small: MOS of Residual1 in int8 after the last stage.
        large: MOS of the float EDSR after stage 1.
        steps_small: Steps of all stages of Residual1, without its fine-tuning.
        steps_large: Steps of EDSR's first stage.
        stages: How many stages Residual1 has had.
    """
    fair = steps_small <= steps_large
    told = "" if fair else ", but it had more steps, so that is no fair comparison"
    return Finding(
        "int8 repetition beats float size at equal steps",
        fair and small > large,
        f"Residual1 in int8 after {stages} stages of {steps_small:,} steps together is "
        f"{'above' if small > large else 'not above'} the float EDSR after 1 of {steps_large:,}: {small:.3f} "
        f"against {large:.3f}{told}.",
    )


def peaks_are_the_papers(mos: Mapping[str, Sequence[float]]) -> Finding:
    """Table 3: the best stage of each network is the one that is best in the paper, or one of two equal ones.

    Args:
        mos: Mean MOS of HR0, HR1, ... of each network of the paper.
    """
    known = {name: paper.NETWORKS[name].mos[1 : len(scores)] for name, scores in mos.items()}
    differ = [name for name, scores in mos.items() if known[name][_largest(scores[1:])] < max(known[name])]
    where = [f"{name} HR{_largest(mos[name][1:]) + 1} (HR{_largest(known[name]) + 1})" for name in differ]
    return Finding(
        "peaks where the paper has them",
        not differ,
        f"The best stage is the paper's with {len(mos) - len(differ)} of {len(mos)} networks"
        f"{', not with ' if differ else ''}{', '.join(where)}.",
    )


def stages_help_every_network(mos: Mapping[str, Sequence[float]]) -> Finding:
    """Table 3: every network's best stage is above its first."""
    helped = [name for name, scores in mos.items() if max(scores[1:]) > max(scores[0], scores[1])]
    agrees = len(helped) == len(mos)
    return Finding(
        "recurrent training helps every network",
        agrees,
        f"A stage after the first is better than HR0 and HR1 with {len(helped)} of {len(mos)} networks"
        f"{'' if agrees else ', not with ' + ', '.join(name for name in mos if name not in helped)}; in the "
        "paper with all.",
    )


def int8_is_proved(passed: int, networks: int, compared: int, mismatches: int) -> Finding:
    """The bit comparison of the int8 networks that the rows are of."""
    agrees = passed == networks and mismatches == 0 and compared > 0
    return Finding(
        "int8 is exact",
        agrees,
        f"{passed} of {networks} int8 networks passed the bit comparison: {mismatches:,} of {compared:,} "
        "codes differ.",
    )


def changes(levels: Sequence[float]) -> list[float]:
    """How much each level grew over the one before; the first one over 0."""
    return [now - before for before, now in zip([0.0, *levels], levels, strict=False)]


def _smallest(steps: Sequence[float]) -> int:
    return min(range(len(steps)), key=lambda i: abs(steps[i]))


def _largest_rise(values: Sequence[float]) -> float:
    """By how much a value is above the smallest one before it, at most; 0 if none is."""
    return max(value - min(values[: i + 1]) for i, value in enumerate(values))


def _largest(values: Sequence[float]) -> int:
    return max(range(len(values)), key=lambda i: values[i])


def _percent(value: float) -> str:
    return f"{value:.2f} %"
