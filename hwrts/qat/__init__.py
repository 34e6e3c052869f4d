"""From a graph to integers: calibration, quantisation-aware training with Brevitas, lowering."""
