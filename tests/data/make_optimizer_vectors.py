"""Write optimizer_vectors.safetensors for tests/test_optimizers.py: what PyTorch makes of a vector.

Run by hand, with PyTorch installed; the tests need only the file.

The gradient of update k = 0, 1, ... is `matrix @ theta - offset + noise[k]`: an ill-conditioned quadratic
(eigenvalues 0.01 to 100) with fixed noise, so that an error in theta comes back through the gradient.
"""

from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save_file

SIZE, UPDATES = 12, 200
CHECKED = (1, 2, 3, 10, 50, 200)

VARIANTS = {
    "sgd": (torch.optim.SGD, dict(lr=1e-2)),
    "sgd_momentum": (torch.optim.SGD, dict(lr=3e-3, momentum=0.9)),
    "sgd_nesterov": (torch.optim.SGD, dict(lr=3e-3, momentum=0.9, nesterov=True)),
    "rmsprop": (torch.optim.RMSprop, dict(lr=1e-2)),
    "rmsprop_momentum": (torch.optim.RMSprop, dict(lr=1e-3, alpha=0.9, momentum=0.8)),
    "rmsprop_centered": (torch.optim.RMSprop, dict(lr=1e-2, eps=1e-3, centered=True)),
    "rmsprop_centered_momentum": (torch.optim.RMSprop, dict(lr=1e-3, momentum=0.5, centered=True)),
    "adam": (torch.optim.Adam, dict()),
    "adam_other_betas": (torch.optim.Adam, dict(lr=1e-2, betas=(0.5, 0.8), eps=1e-3)),
}


def main() -> None:
    rng = np.random.default_rng(20)
    basis, _ = np.linalg.qr(rng.standard_normal((SIZE, SIZE)))
    problem = {
        "matrix": np.ascontiguousarray((basis * np.logspace(-2, 2, SIZE)) @ basis.T),
        "offset": rng.standard_normal(SIZE),
        "noise": rng.standard_normal((UPDATES, SIZE)),
        "start": rng.standard_normal(SIZE),
    }
    recorded = {}
    for name, (optimizer_class, settings) in VARIANTS.items():
        theta = torch.tensor(problem["start"], requires_grad=True)
        optimizer = optimizer_class([theta], foreach=False, **settings)
        at = []
        for k in range(UPDATES):
            grad = problem["matrix"] @ theta.detach().numpy() - problem["offset"] + problem["noise"][k]
            theta.grad = torch.from_numpy(grad)
            optimizer.step()
            if k + 1 in CHECKED:
                at.append(theta.detach().numpy().copy())
        recorded[f"theta.{name}"] = np.stack(at)  # (len(CHECKED), SIZE)
    save_file(
        problem | recorded | {"checked": np.array(CHECKED)},
        Path(__file__).with_name("optimizer_vectors.safetensors"),
        metadata={"torch": torch.__version__.split("+")[0]},
    )


if __name__ == "__main__":
    main()
