"""Looking inside a network: arrays and text, no figures. Those are in `plots_inside`."""

from .activity import Saturation, gate_activations, gate_saturation
from .rates import LearningRates, learning_rate_finder
from .reach import connectivity, gradient_by_lag
from .sanity import Check, TrainingReport, check_training
from .step_sheet import step_sheet, step_values

__all__ = [
    "Check",
    "LearningRates",
    "Saturation",
    "TrainingReport",
    "check_training",
    "connectivity",
    "gate_activations",
    "gate_saturation",
    "gradient_by_lag",
    "learning_rate_finder",
    "step_sheet",
    "step_values",
]
