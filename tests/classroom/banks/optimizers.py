"""The classical errors of three optimizers' steps and of clipping, as switches.

`functions("no_root", part="adam_step")` are functions with this error, `functions()` right ones, of two
switches both errors.
"""

from functools import partial

import numpy as np

MOMENTUM = {
    "sign": "the step goes uphill: theta - lr v.",
    "complement": "the gradient has a factor 1 - momentum that is not there: v = momentum v + grad.",
    "lr_inside": "the rate stands inside the velocity: v = momentum v + grad, theta - lr v.",
    "sutskever": "v is momentum v - lr grad, added to theta; here it is v = momentum v + grad, theta - lr v.",
    "lr_twice": "the rate is in twice: in the velocity and in the step.",
    "no_lr": "the step is not multiplied by lr.",
    "ascent": "v is momentum v - grad, added to theta; here it is v = momentum v + grad, theta - lr v.",
    "momentum_of_grad": "momentum multiplies the gradient, and should the old velocity.",
    "turned": "the old velocity is multiplied by 1 - momentum, and should be by momentum.",
    "average_turned": "v is (1 - momentum) v + momentum grad, and should be momentum v + grad.",
    "results_swapped": "theta and v are returned in the wrong order.",
    "old_v": "theta takes the old velocity: v is renewed first.",
    "nesterov": "this is Nesterov's step, lr (grad + momentum v); here it is lr v.",
    "v_not_kept": "v is the gradient alone: the old velocity is not carried on.",
    "no_decay": "the old velocity is not multiplied by momentum.",
    "momentum_of_both": "the gradient is multiplied by momentum too: v = momentum v + grad.",
    "v_not_returned": "the v that is returned is the old one.",
    "only_grad": "theta takes lr grad: the velocity is not used.",
    "minus_grad": "v is momentum v - grad: the gradient's sign is wrong.",
    "swapped": "momentum and lr are swapped.",
    "v_is_grad": "the v that is returned is the gradient.",
    "no_theta": "theta is the step alone: it is theta - lr v.",
    "momentum_in_step": "momentum multiplies the step too: theta - lr v.",
}

RMSPROP = {
    "sign": "the step goes uphill: theta - lr grad / (...).",
    "eps_in_root": "eps stands inside the root, and should outside: sqrt(v) + eps.",
    "no_eps": "eps is missing: it is added to the root.",
    "eps_behind": "eps is added to the step: the division ends before it. It is grad / (sqrt(v) + eps).",
    "eps_in_v": "eps is added to v, which is returned with it; it is added to the root, in the step.",
    "eps_squared": "eps^2 stands inside the root, and eps should outside: sqrt(v) + eps.",
    "complement_squared": "1 - alpha is squared along with grad: it is (1 - alpha) grad^2.",
    "pure_adagrad": "v is v + grad^2, as in Adagrad; here it is alpha v + (1 - alpha) grad^2.",
    "sum_for_all": "v takes the sum of grad^2 over all entries; every entry has its own.",
    "by_grad": "the step is divided by |grad| + eps, and should be by sqrt(v) + eps.",
    "times_root": "the step is multiplied by sqrt(v) + eps, and should be divided.",
    "v_for_grad": "the step has v where grad belongs.",
    "not_squared": "v averages grad, or its magnitude, and should average grad^2.",
    "complement": "grad^2 lacks its factor 1 - alpha.",
    "swapped": "alpha and 1 - alpha are swapped.",
    "adagrad": "v is not multiplied by alpha: it adds up, as in Adagrad.",
    "v_not_kept": "v is the newest grad^2 alone: the old v is not carried on.",
    "no_root": "the root of v is missing.",
    "old_v": "the step is divided by the old v: v is renewed first.",
    "v_not_returned": "the v that is returned is the old one.",
    "eps_after": "eps is added after the division: grad / (sqrt(v) + eps).",
    "one_for_all": "v takes the mean of grad^2 over all entries; every entry has its own.",
    "no_lr": "the step is not multiplied by lr.",
    "lr_in_v": "the rate is in v: v averages grad^2, and lr stands before the step.",
    "root_kept": "the v that is returned is its root.",
    "no_grad": "the step is lr / (sqrt(v) + eps): the gradient is missing.",
    "only_newest": "v is (1 - alpha) grad^2: the old v is not carried on.",
    "only_old": "grad^2 does not come into v: it is alpha v + (1 - alpha) grad^2.",
    "v_squared": "the old v is squared: it is alpha v + (1 - alpha) grad^2.",
    "squared_average": "v averages grad and is squared afterwards: it should average grad^2.",
}

ADAM = {
    "sign": "the step goes uphill: theta - lr m_hat / (...).",
    "no_correction": "the bias correction is missing: m_hat and v_hat.",
    "no_correction_m": "the bias correction of m is missing.",
    "no_correction_v": "the bias correction of v is missing.",
    "t_from_0": "t counts one too few in the bias correction: it is raised before it is used.",
    "t_too_many": "t counts one too many in the bias correction.",
    "correction_times": "the bias correction multiplies by 1 - beta^t, and should divide.",
    "no_power": "the bias correction is 1 - beta at every step: beta^t is missing.",
    "eps_in_root": "eps stands inside the root, and should outside: sqrt(v_hat) + eps.",
    "no_eps": "eps is missing: it is added to the root.",
    "turned": "beta and 1 - beta are swapped, in m and v.",
    "turned_m": "beta1 and 1 - beta1 are swapped, in m.",
    "turned_v": "beta2 and 1 - beta2 are swapped, in v.",
    "beta1_everywhere": "v has beta1 everywhere, and should have beta2.",
    "beta2_everywhere": "m has beta2 everywhere, and should have beta1.",
    "results_swapped": "m and v are returned in the wrong order.",
    "largest_v": "v never falls, as in AMSGrad; here it is beta2 v + (1 - beta2) grad^2.",
    "nadam": "this is Nadam's step, with beta1 m_hat + (1 - beta1) grad / (1 - beta1^t); here it is m_hat.",
    "adabelief": "v averages (grad - m)^2, as in AdaBelief, and should average grad^2.",
    "rate_falls": "the rate is divided by sqrt(t); here it is lr at every step.",
    "eps_hat": "eps is added to sqrt(v), before the bias correction, and should be to sqrt(v_hat).",
    "correction_after_root": "v's bias correction stands outside the root: it is sqrt(v / (1 - beta2^t)).",
    "not_squared": "v averages grad, or its magnitude, and should average grad^2.",
    "m_squared": "v averages m^2, and should average grad^2.",
    "betas_swapped": "beta1 and beta2 are swapped.",
    "complement": "grad and grad^2 lack their factors 1 - beta.",
    "complement_m": "grad lacks its factor 1 - beta1 in m.",
    "complement_v": "grad^2 lacks its factor 1 - beta2 in v.",
    "beta1_v": "v is averaged with beta1, and should be with beta2.",
    "beta2_m": "m is averaged with beta2, and should be with beta1.",
    "beta1_hat": "v is corrected with beta1^t, and should be with beta2^t.",
    "beta2_hat": "m is corrected with beta2^t, and should be with beta1^t.",
    "no_root": "the root of v_hat is missing.",
    "only_grad": "the step has grad where m_hat belongs.",
    "old_m": "the step takes the old m: it is renewed first.",
    "old_v": "the step takes the old v: it is renewed first.",
    "keeps_hats": "the m and v that are returned are m_hat and v_hat; only the step uses those.",
    "not_kept": "the m and v that are returned are the old ones.",
    "t_not_raised": "the t that is returned is not raised.",
    "m_and_v_swapped": "m and v are swapped: the step is m_hat / sqrt(v_hat).",
    "no_lr": "the step is not multiplied by lr.",
    "sum_of_squares": "v is not multiplied by beta2: it adds up, as in Adagrad.",
    "keeps_m_hat": "the m that is returned is m_hat; only the step uses that.",
    "keeps_v_hat": "the v that is returned is v_hat; only the step uses that.",
    "averages_swapped": "m is averaged with beta2 and v with beta1: beta1 goes with m, beta2 with v.",
    "complement_squared": "1 - beta2 is squared along with grad: it is (1 - beta2) grad^2.",
    "one_for_all": "v takes the mean of grad^2 over all entries; every entry has its own.",
    "sum_for_all": "v takes the sum of grad^2 over all entries; every entry has its own.",
    "eps_behind": "eps is added to the step: the division ends before it. It is m_hat / (sqrt(v_hat) + eps).",
    "t_twice": "t is raised by 2.",
    "t_stays": "t is not raised: neither in the bias correction nor in what is returned.",
    "only_power": "the bias correction divides by beta^t, and should by 1 - beta^t.",
    "only_power_m": "m is divided by beta1^t, and should be by 1 - beta1^t.",
    "hats_swapped": "the bias corrections are swapped: beta1^t goes with m, beta2^t with v.",
}

CLIP = {
    "by_entry": "each entry was clipped by itself; the whole vector is scaled, and keeps its direction.",
    "always": "a gradient that is shorter than the limit was scaled up to it; it stays as it is.",
    "times_limit": "the gradient is multiplied by limit, and should be by limit / norm.",
    "by_norm": "the gradient is scaled to norm 1, and should be to the limit.",
    "never": "nothing is clipped.",
    "turned": "the condition is turned round: what is longer than the limit is scaled.",
    "largest": "the largest entry was taken for the norm: it is the root of the sum of squares.",
    "sum_of_magnitudes": "the sum of the magnitudes was taken for the norm, the root of the sum of squares.",
    "squared": "the root is missing: the norm is the root of the sum of squares.",
    "mean": "the root of the mean of squares was taken for the norm: it is that of their sum.",
    "norm_after": "the norm that is returned is the one after clipping, and should be the one before.",
    "norm_squared": "the norm that is returned lacks its root.",
    "turned_factor": "the gradient is scaled by norm / limit, and should be by limit / norm.",
    "zeros": "a gradient that is longer than the limit becomes zero; it is scaled to the limit.",
    "by_sign": "each entry becomes the limit or its negative; the whole vector is scaled.",
    "by_root": "the gradient is scaled by the root of limit / norm.",
    "by_square": "the gradient is scaled by (limit / norm)^2.",
    "largest_signed": "the largest entry, signed, was taken for the norm: "
    "it is the root of the sum of squares.",
    "sum_signed": "the sum of the entries was taken for the norm, the root of the sum of squares.",
    "magnitude_of_sum": "the magnitude of the sum was taken for the norm, the root of the sum of squares.",
    "upper_only": "entries above the limit were cut; the whole vector is scaled, and keeps its direction.",
    "by_magnitude": "the signs are lost: the gradient is scaled, and its magnitudes were.",
    "uphill": "the sign of a clipped gradient is wrong.",
    "large_entries": "only the entries above the limit are scaled; the whole vector is.",
    "by_n": "the scaled gradient is divided by the number of its entries too.",
    "returns_factor": "the factor is returned where the norm belongs.",
    "returns_limit": "the limit is returned where the norm belongs.",
}


def momentum_step(on, theta, grad, v, lr, momentum):
    if "swapped" in on:
        lr, momentum = momentum, lr
    g = grad * lr if on & {"lr_inside", "lr_twice", "sutskever"} else grad
    g = g * (1 - momentum if "complement" in on else momentum if "momentum_of_both" in on else 1)
    g = g * (momentum if on & {"momentum_of_grad", "average_turned"} else 1)
    old = 0 * v if "v_not_kept" in on else v if on & {"no_decay", "momentum_of_grad"} else momentum * v
    if on & {"turned", "average_turned"}:
        old = (1 - momentum) * v
    new = old - g if on & {"minus_grad", "sutskever", "ascent"} else old + g
    direction = v if "old_v" in on else grad if "only_grad" in on else new
    if "momentum_in_step" in on:
        direction = momentum * direction
    if "nesterov" in on:
        direction = grad + momentum * new
    rate = 1 if on & {"lr_inside", "no_lr"} else -1 if "sutskever" in on else lr
    theta = theta - rate * direction * (-1 if on & {"sign", "ascent"} else 1)
    if "no_theta" in on:
        theta = -rate * direction
    if "results_swapped" in on:
        return new, theta
    if "v_is_grad" in on:
        return theta, grad
    return theta, v if "v_not_returned" in on else new


def rmsprop_step(on, theta, grad, v, lr, alpha, eps):
    square = np.abs(grad) if "not_squared" in on else grad**2
    if "one_for_all" in on:
        square = np.full_like(grad, square.mean())
    if "sum_for_all" in on:
        square = np.full_like(grad, square.sum())
    if "lr_in_v" in on:
        square = lr * square
    a, b = (1 - alpha, alpha) if "swapped" in on else (alpha, 1 - alpha)
    a = 1 if on & {"adagrad", "pure_adagrad"} else 0 if "v_not_kept" in on else a
    b = 1 if on & {"complement", "v_not_kept", "pure_adagrad"} else b
    a = 0 if "only_newest" in on else a
    b = 0 if "only_old" in on else b
    b = b * b if "complement_squared" in on else b
    v = v**2 if "v_squared" in on else v
    new = (a * v + b * grad) ** 2 if "squared_average" in on else a * v + b * square
    if "eps_in_v" in on:
        new = new + eps
    used = v if "old_v" in on else new
    root = used if "no_root" in on else np.sqrt(used + eps * ("eps_in_root" in on))
    if "eps_squared" in on:
        root = np.sqrt(used + eps**2)
    if "by_grad" in on:
        root = np.abs(grad)
    top = np.ones_like(grad) if "no_grad" in on else new if "v_for_grad" in on else grad
    outside = 0 if on & {"eps_in_root", "no_eps", "eps_after", "eps_behind", "eps_squared"} else eps
    step = top / (root + outside) + eps * ("eps_after" in on)
    if "times_root" in on:
        step = top * (root + eps)
    if "eps_behind" in on:
        theta = theta + eps
    theta = theta - step * (1 if "no_lr" in on else lr) * (-1 if "sign" in on else 1)
    return theta, v if "v_not_returned" in on else np.sqrt(new) if "root_kept" in on else new


def adam_step(on, theta, grad, m, v, t, lr, beta1, beta2, eps):
    if "betas_swapped" in on:
        beta1, beta2 = beta2, beta1
    t = t + (2 if "t_twice" in on else 0 if "t_stays" in on else 1)
    count = t - 1 if "t_from_0" in on else t + 1 if "t_too_many" in on else 1 if "no_power" in on else t
    if "beta1_everywhere" in on:
        beta2 = beta1
    if "beta2_everywhere" in on:
        beta1 = beta2
    if "rate_falls" in on:
        lr = lr / np.sqrt(t)
    for_m, for_v = beta2 if "beta2_m" in on else beta1, beta1 if "beta1_v" in on else beta2
    if "averages_swapped" in on:
        for_m, for_v = for_v, for_m
    for_m = 1 - for_m if on & {"turned", "turned_m"} else for_m
    for_v = 1 - for_v if on & {"turned", "turned_v"} else for_v
    new_m = for_m * m + grad * (1 if on & {"complement", "complement_m"} else 1 - for_m)
    square = np.abs(grad) if "not_squared" in on else new_m**2 if "m_squared" in on else grad**2
    if "adabelief" in on:
        square = (grad - new_m) ** 2
    if "one_for_all" in on:
        square = np.full_like(grad, square.mean())
    if "sum_for_all" in on:
        square = np.full_like(grad, square.sum())
    if "complement_squared" in on:
        square = (1 - for_v) * square
    new_v = for_v * v + square * (1 if on & {"complement", "complement_v"} else 1 - for_v)
    if "largest_v" in on:
        new_v = np.maximum(v, new_v)
    if "sum_of_squares" in on:
        new_v = v + square
    hat1, hat2 = beta2 if on & {"beta2_hat", "hats_swapped"} else beta1, beta2
    hat2 = beta1 if on & {"beta1_hat", "hats_swapped"} else hat2
    correct_m, correct_v = (1 - hat**count for hat in (hat1, hat2))
    if on & {"only_power", "only_power_m"}:
        correct_m = hat1**count
        correct_v = hat2**count if "only_power" in on else correct_v
    if "correction_times" in on:
        correct_m, correct_v = 1 / correct_m, 1 / correct_v
    correct_m = 1 if on & {"no_correction", "no_correction_m"} else correct_m
    correct_v = 1 if on & {"no_correction", "no_correction_v"} else correct_v
    m_hat = (m if "old_m" in on else new_m) / correct_m
    v_hat = (v if "old_v" in on else new_v) / correct_v
    if "m_and_v_swapped" in on:
        m_hat, v_hat = v_hat, m_hat
    top = grad if "only_grad" in on else m_hat
    if "nadam" in on:
        top = beta1 * m_hat + (1 - beta1) * grad / correct_m
    with np.errstate(invalid="ignore"):
        bottom = v_hat if "no_root" in on else np.sqrt(v_hat + eps * ("eps_in_root" in on))
    if "correction_after_root" in on:
        bottom = np.sqrt(new_v) / correct_v
    outside = 0 if on & {"no_eps", "eps_in_root", "eps_behind"} else eps
    if "eps_behind" in on:
        theta = theta + eps
    if "eps_hat" in on:
        outside = eps / np.sqrt(correct_v)
    theta = theta - top / (bottom + outside) * (1 if "no_lr" in on else lr) * (-1 if "sign" in on else 1)
    if "keeps_hats" in on:
        new_m, new_v = m_hat, v_hat
    if "keeps_m_hat" in on:
        new_m = m_hat
    if "keeps_v_hat" in on:
        new_v = v_hat
    if "not_kept" in on:
        new_m, new_v = m, v
    if "results_swapped" in on:
        new_m, new_v = new_v, new_m
    return theta, new_m, new_v, t - 1 if "t_not_raised" in on else t


def clip_norm(on, grad, limit):
    norm = np.linalg.norm(grad)
    if "largest" in on:
        norm = np.abs(grad).max()
    if "sum_of_magnitudes" in on:
        norm = np.abs(grad).sum()
    if on & {"largest_signed", "sum_signed", "magnitude_of_sum"}:
        norm = grad.max() if "largest_signed" in on else grad.sum()
        norm = abs(norm) if "magnitude_of_sum" in on else norm
    if "squared" in on:
        norm = (grad**2).sum()
    if "mean" in on:
        norm = np.sqrt((grad**2).mean())
    factor = limit / norm
    if "by_entry" in on:
        new = np.clip(grad, -limit, limit)
    elif "never" in on or ((norm > limit) == ("turned" in on) and "always" not in on):
        new = grad
    else:
        power = -1 if "turned_factor" in on else 0.5 if "by_root" in on else 2 if "by_square" in on else 1
        new = grad * (limit if "times_limit" in on else 1 / norm if "by_norm" in on else factor**power)
        if on & {"zeros", "by_sign"}:
            new = 0 * grad if "zeros" in on else limit * np.sign(grad)
        for name, other in (
            ("upper_only", np.minimum(grad, limit)),
            ("by_magnitude", np.abs(new)),
            ("uphill", -new),
            ("large_entries", np.where(np.abs(grad) > limit, new, grad)),
            ("by_n", new / len(grad)),
        ):
            if name in on:
                new = other
    if "norm_after" in on:
        norm = np.linalg.norm(new)
    if "norm_squared" in on:
        norm = norm**2
    return new, factor if "returns_factor" in on else np.float64(limit) if "returns_limit" in on else norm


STEPS = {
    "momentum_step": (momentum_step, MOMENTUM),
    "rmsprop_step": (rmsprop_step, RMSPROP),
    "adam_step": (adam_step, ADAM),
    "clip_norm": (clip_norm, CLIP),
}


def functions(*switches, part="adam_step"):
    """The four functions, with errors in one of them."""
    return {
        name: partial(function, set(switches) if name == part else set())
        for name, (function, _) in STEPS.items()
    }


BANKS = {name: (sentences, name, (name,)) for name, (_, sentences) in STEPS.items()}
"""By name: sentences, the function that has the error, and which of the exercise's tensors show it."""
