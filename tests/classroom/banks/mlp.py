"""The classical errors of a softmax with its loss and of a network of two layers, as switches.

`functions("db_last")` are functions with this error, `functions()` right ones, of two switches both errors.
"""

from functools import partial

import numpy as np

LOSS = {
    "gradient_no_B": "dscores is not divided by B: the loss is a mean over the batch.",
    "gradient_twice_B": "dscores is divided by B twice.",
    "loss_sum": "the loss is a sum over the batch, and should be a mean.",
    "both_sums": "loss and gradient are sums over the batch, and should be means.",
    "both_by_C": "loss and gradient are divided by C, and should be by B.",
    "both_by_BC": "loss and gradient are divided by B C, and should be by B: the mean is over examples.",
    "sign": "the sign of dscores is wrong: it is p - y.",
    "loss_sign": "the sign of the loss is wrong: it is -log p.",
    "only_p": "dscores lacks the -1 at the label: it is p - y.",
    "only_y": "dscores lacks p: it is p - y.",
    "only_label": "dscores is zero but for the label: the other classes get p.",
    "softmax_axis": "the softmax runs over the batch, and should run over the classes of each example.",
    "softmax_all": "the softmax divides by the sum over all examples, and should by each example's own.",
    "sum_axis": "the sum under the softmax runs over the batch, and should run over each example's classes.",
    "row_all": "the softmax divides by the sum over all examples, each less its own largest score.",
    "largest_axis": "the largest score is that of a class in the batch; take each example's own: axis 1.",
    "label_columns": "the 1 is taken off in whole columns, [:, labels]; it is at [arange(B), labels].",
    "loss_columns": "the loss averages whole columns, log p[:, labels]; it is log p[arange(B), labels].",
    "label_late": "the 1 at the label is taken off after the division by B: it is (p - y) / B.",
    "gradient_2": "dscores has a factor 2, as of a squared error; it is (p - y) / B.",
    "entropy": "the loss is the entropy of p; it is -log p of the label.",
    "one_minus_p": "the loss is 1 - p of the label; it is -log p.",
    "highest": "dscores takes 1 off at the most likely class, and should at the label.",
    "log2": "the loss is in bits, and should be in nats: the natural logarithm.",
    "log10": "the loss has the logarithm to base 10, and should have the natural one.",
    "loss_by_BC": "the loss is a mean over examples and classes, and should be over examples.",
    "gradient_by_C": "dscores is divided by C, and should be by B.",
    "gradient_by_BC": "dscores is divided by B C, and should be by B.",
    "loss_last": "the loss holds the last example only: it is the mean over the batch.",
    "log_of_mean": "the loss is -log of the mean p; it is the mean of -log p.",
    "scores_y": "dscores is scores - y, and should be p - y: the softmax is missing.",
    "log_p_y": "dscores is log p - y, and should be p - y.",
    "by_p": "dscores is -y / p, the gradient by p; by the scores it is p - y.",
    "softmax_twice": "the softmax is taken twice.",
    "no_log": "the loss is -p of the label; the logarithm is missing.",
    "label_score": "the loss is -score of the label; the softmax is missing.",
    "all_classes": "the loss adds -log p of all classes; only the label's counts.",
    "squared": "the loss is a squared error, and should be -log p of the label.",
    "p_log_p": "the loss is weighted by p: it is -log p of the label.",
    "binary": "the loss adds -log(1 - p) of the other classes; it is -log p of the label alone.",
    "softmax_derivative": "dscores went through the softmax's derivative again: p - y already holds it.",
    "p_1_p": "dscores is multiplied by p (1 - p); for softmax with cross-entropy it is p - y.",
    "label_shifted": "the labels are counted from 1, and are counted from 0.",
}

FORWARD = {
    "no_relu": "the ReLU of the hidden layer is missing.",
    "relu_scores": "the scores go through a ReLU too; they have none.",
    "only_scores_relu": "the ReLU stands after the second layer, and should after the first.",
    "abs": "the hidden layer takes the absolute value, and should take 0 for what is negative.",
    "tanh": "the hidden layer has a tanh, and should have a ReLU.",
    "sigmoid": "the hidden layer has a sigmoid, and should have a ReLU.",
    "leaky_0.01": "the ReLU is a leaky one, with 0.01 a for what is negative; it should be 0.",
    "leaky_0.1": "the ReLU is a leaky one, with 0.1 a for what is negative; it should be 0.",
    "softplus": "the hidden layer has a softplus, log(1 + e^a), and should have a ReLU.",
    "no_b": "b1 and b2 are left out.",
    "minus_b1": "b1 is subtracted, and should be added.",
    "min": "the ReLU keeps what is negative: it is max(a, 0).",
    "no_b1": "b1 is left out.",
    "no_b2": "b2 is left out.",
    "b1_after": "b1 is added after the ReLU, and should be before.",
    "W1_transposed": "W1 is transposed: it is (H, D), and x W1^T is (B, H).",
    "W2_transposed": "W2 is transposed: it is (C, H), and h W2^T is (B, C).",
    "softmax": "the scores went through a softmax; that is the loss's part.",
    "swapped_b": "b1 and b2 are swapped.",
    "max_1": "the ReLU is max(a, 1), and should be max(a, 0).",
}

BACKWARD = {
    "no_derivative": "the ReLU's derivative is missing: da is dh where a > 0, and 0 elsewhere.",
    "mask_of_dh": "the ReLU's derivative asks whether dh > 0, and should ask whether a > 0.",
    "mask_inverted": "the ReLU's derivative is turned round: dh passes where a > 0.",
    "times_h": "da is dh h: the derivative of a ReLU is 1 where a > 0, and not h.",
    "times_a": "da is dh a: the derivative of a ReLU is 1 where a > 0, and not a.",
    "leaky_0.01": "the derivative is that of a leaky ReLU, 0.01 where a < 0; it should be 0.",
    "tanh_derivative": "da has the derivative of a tanh, 1 - h^2, and the layer is a ReLU.",
    "sigmoid_derivative": "da has the derivative of a sigmoid, h (1 - h), and the layer is a ReLU.",
    "mask_of_x": "the ReLU's derivative asks whether x > 0, and should ask whether a > 0.",
    "mask_of_scores": "the ReLU's derivative asks whether the scores are > 0, and should ask whether a > 0.",
    "relu_dh": "dh itself goes through a ReLU, and should through the ReLU's derivative.",
    "second_derivative": "dscores goes through a ReLU's derivative too; the scores have no ReLU.",
    "db1_before": "db1 is the sum of dh, and should be of da, behind the ReLU's derivative.",
    "dW1_before": "dW1 is made with dh, and should be with da, behind the ReLU's derivative.",
    "dx_before": "dx is made with dh, and should be with da, behind the ReLU's derivative.",
    "layer_1_before": "dW1 and db1 are made with dh, and should be with da, behind the ReLU's derivative.",
    "dW2_mask": "dW2 is made with the ReLU's derivative, and should be with h.",
    "dW2_a": "dW2 is made with a, and should be with h = max(a, 0).",
    "dW1_h": "dW1 is made with h where x belongs.",
    "dW2_x": "dW2 is made with x where h belongs.",
    "dx_transposed": "dx is da W1^T, and should be da W1.",
    "dh_transposed": "dh is dscores W2^T, and should be dscores W2.",
    "dh_W1": "dh is made with W1 where W2 belongs.",
    "dx_W2": "dx is made with W2 where W1 belongs.",
    "dW1_transposed": "dW1 is transposed.",
    "dW2_transposed": "dW2 is transposed.",
    "dWs_transposed": "dW1 and dW2 are transposed.",
    "mean_B": "the gradients by weights and biases are divided by B: dscores already holds the 1 / B.",
    "mean_W": "dW1 and dW2 are divided by B: dscores already holds the 1 / B.",
    "all_mean": "all gradients are divided by B: dscores already holds the 1 / B.",
    "db_mean": "db1 and db2 are means over the batch, and should be sums.",
    "db1_mean": "db1 is a mean over the batch, and should be a sum.",
    "db2_mean": "db2 is a mean over the batch, and should be a sum.",
    "db_zero": "db1 and db2 are zero: they are sums of da and dscores over the batch.",
    "decay": "dW1 and dW2 hold the weights too: weight decay is no part of the gradient.",
    "only_dW_last": "dW1 and dW2 hold the last example only: sum over the batch.",
    "db1_last": "db1 holds the last example only: sum over the batch.",
    "db_axis": "db1 and db2 are sums over the wrong axis: the batch is axis 0.",
    "db1_axis": "db1 is a sum over the wrong axis: the batch is axis 0.",
    "db2_axis": "db2 is a sum over the wrong axis: the batch is axis 0.",
    "db_total": "db1 and db2 are sums over everything: sum over the batch alone, axis 0.",
    "db_last": "db1 and db2 hold the last example only: sum over the batch.",
    "dW_last": "the gradients by weights and biases hold the last example only: sum over the batch.",
    "dx_dh": "dx is dh: the way through the first layer is missing.",
    "sign": "the sign of all gradients is wrong.",
    "mask_sign": "the ReLU's derivative is -1 where a < 0, and should be 0.",
    "dscores_relu": "dscores is cut at 0 before it goes through W2; it is a gradient, and may be negative.",
    "dW1_relu_x": "dW1 is made with max(x, 0), and should be with x.",
    "softmax_again": "dscores goes through a softmax's derivative; it is the gradient by the scores already.",
}


TENSORS = ("dx", "dW1", "db1", "dW2", "db2")

BACKWARD |= (
    {f"{name}_sign": f"the sign of {name} is wrong." for name in TENSORS}
    | {f"{name}_zero": f"{name} is zero." for name in TENSORS}
    | {f"{name}_by_B": f"{name} is divided by B: dscores already holds the 1 / B." for name in ("dW1", "dW2")}
    | {
        f"{name}_total": f"{name} is a sum over everything: sum over the batch alone, axis 0."
        for name in ("db1", "db2")
    }
    | {
        f"{name}_first": f"{name} holds the first example only: sum over the batch."
        for name in ("db1", "db2")
    }
    | {"db2_last": "db2 holds the last example only: sum over the batch."}
)


def softmax_cross_entropy(on, scores, labels):
    B, C = scores.shape
    axis = 0 if "softmax_axis" in on else 1
    if "softmax_twice" in on:
        scores = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    e = np.exp(scores - scores.max())
    if on & {"sum_axis", "row_all", "largest_axis"}:
        e = np.exp(scores - scores.max(axis=0 if "largest_axis" in on else 1, keepdims=True))
        axis = 0 if "sum_axis" in on else None if "row_all" in on else 1
    p = e / (e.sum() if "softmax_all" in on else e.sum(axis=axis, keepdims=True))
    y = np.eye(C)[(labels - 1) if "label_shifted" in on else labels]
    kept = (
        np.log2(p) if "log2" in on else p if "no_log" in on else scores if "label_score" in on else np.log(p)
    )
    weight = np.ones_like(y) if "all_classes" in on else y * p if "p_log_p" in on else y
    each = -(weight * kept).sum(axis=1)
    if "squared" in on:
        each = ((p - y) ** 2).sum(axis=1)
    if "binary" in on:
        each = each - ((1 - y) * np.log(1 - p)).sum(axis=1)
    dscores = y * (p - 1) if "only_label" in on else p * ("only_y" not in on) - y * ("only_p" not in on)
    for name, first in (("scores_y", scores), ("log_p_y", np.log(p)), ("by_p", y - y / p)):
        if name in on:
            dscores = first - y
    if "softmax_derivative" in on:
        dscores = p * (dscores - (dscores * p).sum(axis=1, keepdims=True))
    if "p_1_p" in on:
        dscores = dscores * p * (1 - p)
    count = C if "both_by_C" in on else B * C if "both_by_BC" in on else 1 if "both_sums" in on else B
    by_loss = 1 if "loss_sum" in on else count
    by_loss = B * C if "loss_by_BC" in on else by_loss * np.log(10) if "log10" in on else by_loss
    by = 1 if "gradient_no_B" in on else B * B if "gradient_twice_B" in on else count
    by = C if "gradient_by_C" in on else B * C if "gradient_by_BC" in on else by
    if "loss_last" in on:
        each = each[-1:]
    if "log_of_mean" in on:
        each = -B * np.log((y * p).sum(axis=1).mean(keepdims=True))
    if "entropy" in on:
        each = -(p * np.log(p)).sum(axis=1)
    if "one_minus_p" in on:
        each = 1 - (y * p).sum(axis=1)
    if "loss_columns" in on:
        each = -np.log(p)[:, labels].mean(axis=1)
    if "label_columns" in on:
        dscores = p - y.max(axis=0)
    if "highest" in on:
        dscores = p - np.eye(C)[p.argmax(axis=1)]
    if "label_late" in on:
        dscores = p - B * y
    if "gradient_2" in on:
        dscores = 2 * dscores
    loss = each.sum() / by_loss * (-1 if "loss_sign" in on else 1)
    return loss, dscores / by * (-1 if "sign" in on else 1)


def mlp_forward(on, x, W1, b1, W2, b2):
    if "swapped_b" in on:
        b1, b2 = b2, b1
    b1, b2 = (0 * b1, 0 * b2) if "no_b" in on else (b1, b2)
    bias = b1 * ("no_b1" not in on) * (-1 if "minus_b1" in on else 1)
    a = x @ (W1 if "W1_transposed" in on else W1.T) + bias * ("b1_after" not in on)
    h = np.maximum(a, 0)
    if on & {"no_relu", "only_scores_relu"}:
        h = a
    for name, function in (("abs", np.abs), ("tanh", np.tanh), ("sigmoid", lambda a: 1 / (1 + np.exp(-a)))):
        if name in on:
            h = function(a)
    for name, slope in (("leaky_0.01", 0.01), ("leaky_0.1", 0.1)):
        if name in on:
            h = np.maximum(a, slope * a)
    if "softplus" in on:
        h = np.log1p(np.exp(a))
    if "max_1" in on:
        h = np.maximum(a, 1)
    if "min" in on:
        h = np.minimum(a, 0)
    h = h + bias * ("b1_after" in on)
    scores = h @ (W2 if "W2_transposed" in on else W2.T) + b2 * ("no_b2" not in on)
    if on & {"relu_scores", "only_scores_relu"}:
        scores = np.maximum(scores, 0)
    if "softmax" in on:
        scores = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    return scores, (x, a, h, scores, W1, W2)


def mlp_backward(on, dscores, cache):
    x, a, h, scores, W1, W2 = cache
    B = len(x)
    d = -dscores if "sign" in on else dscores
    if "second_derivative" in on:
        d = d * (scores > 0)
    if "softmax_again" in on:
        p = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
        d = p * (d - (d * p).sum(axis=1, keepdims=True))
    through = np.maximum(d, 0) if "dscores_relu" in on else d
    dh = through @ (W2.T if "dh_transposed" in on else W1 if "dh_W1" in on else W2)
    slope = (a > 0) * 1.0
    for name, other in (
        ("no_derivative", np.ones_like(a)),
        ("mask_of_dh", dh > 0),
        ("mask_inverted", a < 0),
        ("times_h", h),
        ("mask_sign", np.sign(a)),
        ("times_a", a),
        ("leaky_0.01", np.where(a > 0, 1, 0.01)),
        ("tanh_derivative", 1 - h**2),
        ("sigmoid_derivative", h * (1 - h)),
        ("relu_dh", (dh > 0) * (a > 0)),
    ):
        if name in on:
            slope = other
    if "mask_of_x" in on:
        slope = x > 0
    if "mask_of_scores" in on:
        slope = scores > 0
    da = dh * slope
    dx = (dh if "dx_before" in on else da) @ (W1.T if "dx_transposed" in on else W2 if "dx_W2" in on else W1)
    dW1 = (dh if on & {"dW1_before", "layer_1_before"} else da).T @ (
        h if "dW1_h" in on else np.maximum(x, 0) if "dW1_relu_x" in on else x
    )
    dW2 = d.T @ (a if "dW2_a" in on else a > 0 if "dW2_mask" in on else x if "dW2_x" in on else h)
    from_1, from_2 = dh if on & {"db1_before", "layer_1_before"} else da, d
    if "dW_last" in on:
        dW1, dW2 = np.outer(da[-1], x[-1]), np.outer(d[-1], h[-1])
        from_1, from_2 = from_1[-1:], from_2[-1:]
    db1 = from_1.sum(axis=1 if on & {"db_axis", "db1_axis"} else 0)
    db2 = from_2.sum(axis=1 if on & {"db_axis", "db2_axis"} else 0)
    if "db_total" in on:
        db1, db2 = np.full(W1.shape[0], from_1.sum()), np.full(W2.shape[0], from_2.sum())
    if "db_last" in on:
        db1, db2 = from_1[-1], from_2[-1]
    if "only_dW_last" in on:
        dW1, dW2 = np.outer(da[-1], x[-1]), np.outer(d[-1], h[-1])
    if "db1_last" in on:
        db1 = from_1[-1]
    if on & {"db1_mean", "db2_mean", "db_zero"}:
        db1 = db1 / B if "db1_mean" in on else db1 * ("db_zero" not in on)
        db2 = db2 / B if "db2_mean" in on else db2 * ("db_zero" not in on)
    if "decay" in on:
        dW1, dW2 = dW1 + W1, dW2 + W2
    if on & {"dW1_transposed", "dWs_transposed"}:
        dW1 = dW1.T
    if on & {"dW2_transposed", "dWs_transposed"}:
        dW2 = dW2.T
    if on & {"mean_B", "mean_W", "all_mean"}:
        dW1, dW2 = dW1 / B, dW2 / B
    if on & {"mean_B", "db_mean", "all_mean"}:
        db1, db2 = db1 / B, db2 / B
    if "dx_dh" in on:
        dx = dh
    for name, example in (("first", 0), ("last", -1)):
        db2 = from_2[example] if f"db2_{name}" in on else db2
    db1 = from_1[0] if "db1_first" in on else db1
    db1 = np.full(W1.shape[0], from_1.sum()) if "db1_total" in on else db1
    db2 = np.full(W2.shape[0], from_2.sum()) if "db2_total" in on else db2
    dx = dx / B if "all_mean" in on else dx
    results = dict(zip(TENSORS, (dx, dW1, db1, dW2, db2), strict=True))
    for name in TENSORS:
        for switch, factor in {"sign": -1, "zero": 0, "by_B": 1 / B}.items():
            if f"{name}_{switch}" in on:
                results[name] = results[name] * factor
    return tuple(results.values())


def functions(*switches, part="backward"):
    """The three functions, with errors in one of them."""
    on = {name: set(switches) if name == part else set() for name in ("loss", "forward", "backward")}
    return {
        "softmax_cross_entropy": partial(softmax_cross_entropy, on["loss"]),
        "mlp_forward": partial(mlp_forward, on["forward"]),
        "mlp_backward": partial(mlp_backward, on["backward"]),
    }


BANKS = {
    "softmax": (LOSS, "loss", ("loss",)),
    "mlp_forward": (FORWARD, "forward", ("forward",)),
    "mlp_backward": (BACKWARD, "backward", ("backward",)),
}
"""By name: sentences, the function that has the error, and which of the exercise's tensors show it."""
