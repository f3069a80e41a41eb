"""Whether the naive baseline computes the same as numpylstm: then it is a baseline."""

import numpy as np

from . import naive, ours
from .workloads import Workload, make_data


def largest_difference(work: Workload, dtype: type = np.float32) -> float:
    """Largest difference of outputs, loss or a gradient, relative to the largest entry of its tensor."""
    net = ours.network(work, dtype)
    net.theta += np.random.default_rng(1).normal(scale=0.1, size=net.theta.size)  # biases are zero at first
    params = {name: param.copy() for name, param, _ in net.named_params()}
    x, target = ours.inputs(work, dtype)
    y, loss = ours.gradients(net, work, x, target)
    predicted = net.predict(x)
    if work.last_only:
        y, predicted = y[-1], predicted[-1]
    theirs_loss, theirs_y, theirs_grads = naive.loss_and_grads(params, work, *make_data(work, dtype))
    pairs = [(loss, theirs_loss), (y, theirs_y), (predicted, theirs_y)]
    pairs += [(grad, theirs_grads[name]) for name, _, grad in net.named_params()]
    return float(np.max([np.max(np.abs(a - b)) / np.max(np.abs(b)) for a, b in pairs]))
