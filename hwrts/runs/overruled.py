"""Which settings do nothing beside others: whoever asks for one of these is told, not ignored."""

from collections.abc import Mapping
from pathlib import Path

from hwrts.config import RunConfig


def overruled(name: str, config: RunConfig, *, same_size_alone: bool = False) -> str | None:
    """Why a setting has no effect, or None if it has one.

    Args:
        name: Dotted, such as "rts.steps".
        config: The complete settings, that one among them.
        same_size_alone: Whether only the same-size network is made, of a stage that is there.

    >>> overruled("rts.steps", RunConfig.model_validate({"rts": {"stages": 1}}))
    'rts.stages = 1 has no later stage; the steps of the only one are rts.first_steps'
    """
    rts, qat, data, made = config.rts, config.qat, config.data, config.degradation
    only = f"rts.stages = {rts.stages} has no later stage"
    automatic = f'rts.stages = {rts.stages} is a number; it is for rts.stages = "auto"'
    if name in ("rts.first_steps", "rts.steps") and rts.epochs is not None:
        return f"rts.epochs = {rts.epochs} takes the place of steps"
    if name == "rts.steps" and config.stage_limit == 1:
        return f"{only}; the steps of the only one are rts.first_steps"
    if name == "rts.learning_rate" and config.stage_limit == 1:
        return f"{only}; the rate of the only one is rts.first_learning_rate"
    if name == "rts.bound_targets" and config.stage_limit == 1 and not qat.same_size:
        return f"{only}, and the targets of the only one are the photographs"
    if name in ("degradation.lr_jpeg_times", "degradation.lr_subsampling") and made.lr_jpeg == "none":
        return 'degradation.lr_jpeg = "none" compresses nothing'
    if name in ("rts.stop", "rts.max_stages") and rts.stages != "auto":
        return automatic
    if name == "rts.teacher" and rts.teacher is not None and not rts.taught:
        return "rts.teacher_share = 0 does not listen to it"
    if name == "rts.teacher_share" and rts.teacher is None:
        return "rts.teacher names no run"
    if name == "rts.score" and rts.scored and not rts.score:
        return 'rts.stop = "score" needs the score'
    if name == "qat.same_size_steps" and not qat.same_size:
        return "qat.same_size = false makes no same-size network"
    if name == "qat.hidden_bits" and (qat.hidden_bits or 0) > qat.activation_bits:
        return f"qat.activation_bits = {qat.activation_bits} is the most that any of these tensors has"
    if name == "qat.skip_bits" and qat.skip_bits > 8 and qat.exact_additions:
        return "qat.exact_additions = true puts all that is added on the grid of the sum"
    if same_size_alone and name == "qat.steps":
        return "a same-size network takes qat.same_size_steps"
    if name == "qat.learning_rate" and not (qat.same_size and qat.same_size_steps):
        if same_size_alone:
            return "qat.same_size_steps = 0 trains nothing"
        if not qat.steps:
            return "qat.steps = 0 trains nothing"
    if name == "data.val_fraction":
        return _validated_on(data.train, data.val)
    for one, own in qat.of_single_layers.items():
        if name == f"qat.{one}" and own:
            return _each_its_width(config, own, one)
    return None


def idle_settings(config: RunConfig) -> dict[str, str]:
    """Settings that are not the default's and still have no effect, and why.

    >>> idle_settings(RunConfig.model_validate({"rts": {"epochs": 20, "steps": 5}}))
    {'rts.steps': 'rts.epochs = 20 takes the place of steps'}
    """
    tables, usual = config.model_dump(), RunConfig().model_dump()
    names = [
        (table, key) for table, settings in tables.items() if isinstance(settings, dict) for key in settings
    ]
    found = {
        f"{table}.{key}": overruled(f"{table}.{key}", config)
        for table, key in names
        if tables[table][key] != usual[table][key]
    }
    return {name: why for name, why in found.items() if why is not None}


def _each_its_width(config: RunConfig, own: Mapping[str, int], one: str) -> str | None:
    from hwrts.graph.trace import trace
    from hwrts.graph.weight_bits import layer_names
    from hwrts.networks.build import build_network

    names = layer_names(trace(build_network(config.network).eval()))
    return f"qat.layer_{one} gives every layer its width" if set(names) <= set(own) else None


def _validated_on(train: str | None, val: str | None) -> str | None:
    """Which photographs make a share of the training ones needless."""
    if val is not None:
        return f"data.val = {val!r} is the validation"
    if train is None:
        return "the embedded photographs have two for validation; it is for data.train"
    own = [name for name in ("val", "valid") if (Path(train) / name).is_dir()]
    return f"the validation is {Path(train) / own[0]}" if own else None
