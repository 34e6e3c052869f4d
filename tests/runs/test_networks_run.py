"""Other networks than Residual-N through recurrent training and the command line's folders."""

import pytest

from hwrts.files.read import read_json
from hwrts.fixed_point import load_network
from hwrts.report import write_report
from hwrts.runs.folder import open_run
from hwrts.runs.pipeline import run_stages
from hwrts.runs.session import open_session
from hwrts.settings_file import parse_config

from ..networks.test_networks import TINY as NETWORKS
from .tiny import TINY, Lines, photographs, start

pytestmark = pytest.mark.usefixtures("small_verdict")


# Statistics of batch norms and slopes, sizes that divide by 4, luma.
@pytest.mark.usually(name={"srresnet", "unet", "vdsr-luma"})
@pytest.mark.parametrize(
    "name",
    [
        *(
            "vdsr",
            "srresnet",
            "abpn",
            "espcn",
            "ecbsr",
            "imdn",
            "rlfn",
            "span",
            "srcnn-luma",
            "unet",
            "fsrcnn",
        ),
        *("xlsr", "vdsr-luma"),
    ],
)
def test_recurrent_training_of_other_networks(name, tmp_path):
    """Two stages: statistics of batch norms, slopes, branches go on to the second; no same-size networks."""
    lines = Lines()
    two = {**TINY["rts"], "first_steps": 3, "steps": 3}
    of_luma = {"colour": "luma"} if name.endswith("-luma") else {}
    network = {"name": name.removesuffix("-luma"), **of_luma, **NETWORKS[name]}
    photos = photographs(
        tmp_path / "photos", size=146
    )  # no multiple of 4, as unet takes them, and LR none of 2
    made = start(tmp_path / "run", photos, lines, network=network, rts=two)
    assert [stage.name for stage in made.stages()] == ["1", "2"]
    assert sum("no same-size networks; enhance takes D(S(x))" in line for line in lines.said) == 1
    assert made.enhancing_stage(None).name == "2"
    for stage in made.stages():
        verdict, measures = read_json(stage.verify), read_json(stage.metrics)
        assert (verdict["passed"], verdict["mismatches"]) == (True, 0)
        assert measures["psnr_int8_db"] > 20  # an up-scaler from the start
        assert load_network(stage.root).scales[load_network(stage.root).output] == 2
    write_report(made)
    page = made.report.read_text("utf-8")
    assert parse_config({"network": network}, "test").network.title in page
    assert run_stages(open_session(open_run(made.root), lines)) == 2  # finished already, from its config.toml


def test_without_an_image_residual_bf16_is_not_used_and_that_is_said(tmp_path):
    lines = Lines()
    one = {**TINY["rts"], "stages": 1, "first_steps": 1}
    network = {"name": "quicksrnet", **NETWORKS["quicksrnet"]}
    data = photographs(tmp_path / "photos")
    start(tmp_path / "run", data, lines, network=network, rts=one, precision="bf16", qat={"steps": 0})
    assert sum("every layer carries the picture: all in float32" in line for line in lines.said) == 1
