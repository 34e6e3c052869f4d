"""What benchmarks of few bits and of small networks share: a fine-tuning without files, and its worth."""

from collections.abc import Callable
from statistics import mean

import numpy as np

from hwrts.config import QatConfig
from hwrts.data.depth import Codes
from hwrts.export import to_onnx
from hwrts.fixed_point import Network
from hwrts.metrics import psnr_db
from hwrts.qat.fused import Fused
from hwrts.qat.network import QuantNetwork
from hwrts.qat.range_penalty import RangePenalty
from hwrts.runs.engines import onnx_engine
from hwrts.runs.quantise import qat_schedule
from hwrts.runs.session import Session
from hwrts.training.fit import Batches, fit


def fine_tune(
    quantised: QuantNetwork,
    qat: QatConfig,
    batches: Batches,
    told: Callable[[int, float], None] = lambda done, loss: None,
) -> Network:
    """The integers of a calibrated network after its steps, as those of a run's stage."""
    with RangePenalty(quantised.signed_convs()) as penalty:
        training = quantised.fine_tuning()
        hold = quantised.holding(training, qat.steps)
        fit(training, Fused(quantised), batches, qat_schedule(qat), told, hold, penalty)
    return quantised.eval().lower()


def value_of(session: Session, network: Network) -> float:
    """Mean x2 PSNR of the validation photographs in dB, by integers."""
    luma = session.config.network.luma
    return value(session, onnx_engine(to_onnx(network).SerializeToString(), network, luma=luma).upscale)


def value(session: Session, upscale: Callable[[Codes], Codes]) -> float:
    """Mean x2 PSNR of the validation photographs in dB."""
    pairs = zip(session.val.pictures("lr"), session.val.pictures("hr"), strict=True)
    return mean(psnr_db(upscale(np.array(lr)), np.array(original)) for lr, original in pairs)
