"""What happened in a training."""

from dataclasses import dataclass, field
from typing import Any


@dataclass
class History:
    """What happened in a training, one entry an epoch (or every few iterations, where there are no epochs).

    Attributes:
        train_loss: mean of the losses of the epoch's updates, each taken before its update.
        validation_loss: after the epoch; empty without validation data.
        lr: learning rate of the epoch's last update.
        seconds: since the start of the training.
        updates: number of updates done in all.
        best_epoch: index of the epoch with the lowest validation loss (training loss without one).
        stopped: why training ended before its last epoch, or None.
        diverged: whether that was a loss or gradient that was not finite.
        unit, every: what an entry stands for: "epoch", 1 or "iteration", 5.
    """

    train_loss: list[float] = field(default_factory=list)
    validation_loss: list[float] = field(default_factory=list)
    lr: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    updates: int = 0
    best_epoch: int | None = None
    stopped: str | None = None
    diverged: bool = False
    unit: str = "epoch"
    every: int = 1

    def rows(self) -> list[dict[str, float]]:
        """One dictionary an entry, as `metrics.jsonl` holds them; `epoch` counts from 0."""
        columns = {"train_loss": self.train_loss, "validation_loss": self.validation_loss, "lr": self.lr}
        columns["seconds"] = self.seconds
        columns = {name: values for name, values in columns.items() if values}
        return [
            {self.unit: entry * self.every, **dict(zip(columns, values, strict=True))}
            for entry, values in enumerate(zip(*columns.values(), strict=True))
        ]

    def plot(self, path: Any = None) -> Any:
        """The learning curve as a matplotlib figure; written to `path` if one is given."""
        from .plots import learning_curve, save_figure

        figure = learning_curve(self)
        return figure if path is None else save_figure(figure, path)
