"""Looking inside a network: arrays and text, no figures. Those are in `plots_inside`."""

from .rates import LearningRates, learning_rate_finder

__all__ = ["LearningRates", "learning_rate_finder"]
