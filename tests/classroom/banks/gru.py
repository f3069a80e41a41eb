"""The classical errors of a GRU, as switches of one forward and one backward pass.

`functions("z_swapped")` are functions with this error, `functions()` right ones, of two switches both errors.
"""

from functools import partial

import numpy as np

FORWARD = {
    "z_swapped": "z and 1 - z are swapped: h_t = (1 - z) n + z h_{t-1}.",
    "other_variant": "the other variant of the reset gate: r stands on the wrong side of W_hn.",
    "r_z_blocks": "the row blocks are taken as z, r, n, and are r, z, n.",
    "n_r_z_blocks": "the row blocks are taken as n, r, z, and are r, z, n.",
    "no_b_x": "b_x is left out.",
    "no_b_h": "b_h is left out.",
    "no_b_hn": "b_hn, the candidate's part of b_h, is left out.",
    "no_b_hr_b_hz": "the gates' parts of b_h are left out.",
    "sigmoid_2a": "the sigmoid is steeper by a factor of 2: by tanh it is (1 + tanh(a / 2)) / 2.",
    "z_W_hr": "z is made with W_hr where W_hz belongs.",
    "h_not_carried": "every step starts from h0: h_{t-1} is not carried on.",
    "h0_zero": "h0 is not used: the first step starts from zeros.",
    "n_sigmoid": "the candidate n goes through a sigmoid, and should through tanh.",
    "n_linear": "the candidate's tanh is missing.",
    "gates_tanh": "the gates go through tanh, and should through a sigmoid.",
    "no_r": "the reset gate is not used.",
    "r_is_z": "z stands in the candidate where r belongs.",
    "one_minus_r": "1 - r stands in the candidate where r belongs.",
    "n_without_h": "the candidate does not see h_{t-1}.",
    "h_sum": "the candidate is not multiplied by 1 - z: h_t = n + z h_{t-1}.",
    "h_only_n": "the old state is dropped: h_t = (1 - z) n.",
    "returns_before": "h holds the states before the steps, h0 first, and should hold those after them.",
    "reversed": "the sequence is walked through from its end.",
    "transposed": "the blocks of W_h are transposed.",
    "W_blocks": "the row blocks of W_x and W_h are taken as z, r, n, and are r, z, n.",
    "x_first": "every step reads the first x: step t needs x[t].",
    "kept_r": "the old state's share is multiplied by r too: h_t = (1 - z) n + z h_{t-1}.",
    "sigmoid_sign": "the sigmoid has exp(a), and should have exp(-a).",
}

LETTERS = {
    f"{name}_{gate}_of_{other}": (name, gate, other)
    for name in ("W_x", "W_h", "b_x", "b_h")
    for gate in "rzn"
    for other in "rzn"
    if gate != other
}
"""By switch: a parameter, a gate, and the gate whose block it gets: the slip of who copies a line."""

FORWARD |= {
    switch: f"{gate} is made with {name}{other} where {name}{gate} belongs."
    for switch, (name, gate, other) in LETTERS.items()
    if (name, gate, other) != ("W_h", "z", "r")
} | {
    f"{name}_blocks": f"the row blocks of {name} are taken as z, r, n, and are r, z, n."
    for name in ("W_x", "W_h", "b_x", "b_h")
}

FORWARD_AFTER = {
    "b_h_outside": "b_hn stands outside of the reset gate: it is r (W_hn h_{t-1} + b_hn).",
    "r_around_all": "the reset gate multiplies the input's part too: it is W_xn x_t + b_xn + r (...).",
}

BACKWARD = {
    "z_swapped": "z and 1 - z are swapped: n gets dh (1 - z), h_{t-1} gets dh z.",
    "direct_dropped": "the direct path from h_t to h_{t-1} is missing: dh z.",
    "direct_1_z": "the direct path to h_{t-1} has 1 - z, and should have z.",
    "direct_whole": "the direct path to h_{t-1} is not multiplied by z.",
    "n_by_z": "da_n has z where 1 - z belongs.",
    "n_no_z": "da_n lacks its factor 1 - z.",
    "n_no_derivative": "da_n lacks the derivative of tanh, 1 - n^2.",
    "n_sigmoid_derivative": "da_n has the derivative of a sigmoid, n (1 - n), and n is a tanh.",
    "n_no_square": "da_n has 1 - n where 1 - n^2 belongs.",
    "n_sign": "the sign of da_n is wrong.",
    "z_sign": "the sign of da_z is wrong: dz is dh (h_{t-1} - n).",
    "z_h_t": "da_z has h_t where h_{t-1} belongs: dz is dh (h_{t-1} - n).",
    "z_no_n": "da_z lacks the part through n: dz is dh (h_{t-1} - n).",
    "z_no_h": "da_z lacks the part through h_{t-1}: dz is dh (h_{t-1} - n).",
    "z_no_derivative": "da_z lacks the derivative of the sigmoid, z (1 - z).",
    "z_tanh_derivative": "da_z has the derivative of tanh, 1 - z^2, and z is a sigmoid.",
    "z_r_derivative": "da_z has r (1 - r) where z (1 - z) belongs.",
    "r_missing": "the reset gate gets no gradient: da_r is 0.",
    "r_no_derivative": "da_r lacks the derivative of the sigmoid, r (1 - r).",
    "r_tanh_derivative": "da_r has the derivative of tanh, 1 - r^2, and r is a sigmoid.",
    "r_z_derivative": "da_r has z (1 - z) where r (1 - r) belongs.",
    "r_dn": "da_r starts from dn, and should from da_n: the tanh lies in between.",
    "r_sign": "the sign of da_r is wrong.",
    "no_r": "the recurrent part of n lacks r: in dW_hn and in dh.",
    "no_r_dh": "dh lacks r on its way through n.",
    "no_r_dW": "dW_hn lacks r.",
    "other_variant": "the backward pass of the other variant of the reset gate.",
    "W_h_h_t": "h_t was used where h_{t-1} belongs, in dW_h.",
    "W_h_h0_zero": "h0 is left out of dW_h: the first step's h_{t-1} is h0.",
    "W_h_last": "at the first step dW_h is made with the last state, h[-1]; h_{t-1} is h0 there.",
    "W_h_transposed": "the blocks of dW_h are transposed.",
    "h_in_place": "every h_{t-1} is the last state: h was changed in place. Keep a copy of each.",
    "n_tanh_again": "da_n has 1 - tanh(n)^2: n is the tanh already, and it is 1 - n^2.",
    "n_r": "da_n has a factor r; that belongs to the recurrent part alone.",
    "gates_again": "in their derivative r and z go through a sigmoid again: they are its values already.",
    "gates_no_derivative": "da_r and da_z lack the derivative of the sigmoid, s (1 - s).",
    "gates_tanh_derivative": "da_r and da_z have the derivative of tanh, 1 - s^2, and are sigmoids.",
    "z_only_z": "da_z has z where the sigmoid's derivative z (1 - z) belongs.",
    "z_only_1_z": "da_z has 1 - z where the sigmoid's derivative z (1 - z) belongs.",
    "r_only_r": "da_r has r where the sigmoid's derivative r (1 - r) belongs.",
    "r_only_1_r": "da_r has 1 - r where the sigmoid's derivative r (1 - r) belongs.",
    "not_carried": "what step t + 1 sends back is not used, dh_T neither: they are added to dh[t].",
    "dh_T_replaces": "at the last step dh_T takes the place of dh[t]; they add up.",
    "dh_T_first": "dh_T is added at the first step; it belongs to the last one.",
    "first_step_left_out": "the loop stops before step 0.",
    "last_step_left_out": "the loop begins with the last step but one.",
    "sign": "the sign of all gradients is wrong.",
    "dh_by_T": "dh is divided by T.",
    "all_by_T": "all gradients are divided by T.",
    "W_x_step_0": "dW_x is overwritten at every step; it adds up.",
    "W_h_step_0": "dW_h is overwritten at every step; it adds up.",
    "W_x_b_x_step_0": "dW_x and db_x are overwritten at every step; they add up.",
    "db_mean_TB": "the gradients by the biases are means over steps and batch, and should be sums.",
    "db_h_zero": "db_h is zero: b_h has its part in every gate.",
    "W_x_r_twice": "in dW_x, da_r stands in the rows of z.",
    "W_h_r_twice": "in dW_h, da_r stands in the rows of z.",
    "db_r_twice": "in db_x and db_h, da_r stands in the rows of z.",
    "W_x_blocks": "the row blocks of dW_x lie as z, r, n, and should as r, z, n.",
    "direct_twice": "the direct path to h_{t-1}, dh z, is in twice.",
    "dh_no_gates": "dh lacks the way through both gates.",
    "dh_n_transposed": "in dh, da_n is multiplied by the transposed W_hn.",
    "dh_r_twice": "in dh, da_z meets W_hr, and should W_hz.",
    "dh_z_twice": "in dh, da_r meets W_hz, and should W_hr.",
    "dx_only_n": "dx lacks the way through both gates.",
    "dx_n_r": "dx has r on its way through n: r multiplies the recurrent part alone.",
    "dx_r_twice": "in dx, da_z meets W_xr, and should W_xz.",
    "dx_z_twice": "in dx, da_r meets W_xz, and should W_xr.",
    "dh_T_dropped": "dh_T, the gradient by the final state, is dropped.",
    "dh_T_every_step": "dh_T is added at every step; it belongs to the last one alone.",
    "dh_ignored": "only dh_T goes back: dh of the single steps is not used.",
    "dh_last_only": "only the last step's dh is used, with dh_T; dh has one for every step.",
    "dh_reversed": "dh is read in the wrong order: step t needs dh[t].",
    "forward_in_time": "the loop runs forward in time; a backward pass goes from the last step to the first.",
    "truncated": "the gradient carried back from step t + 1 is overwritten by dh[t]; they add up.",
    "mean_B": "the gradients by the weights are divided by B: they are sums over the batch.",
    "mean_T": "the gradients by the weights are divided by T: they are sums over the steps.",
    "mean_TB": "the gradients by the weights are divided by T B: they are sums over steps and batch.",
    "first_step_only": "the gradients by weights and biases are overwritten at every step; they add up.",
    "db_first_step_only": "the gradients by the biases are overwritten at every step; they add up.",
    "db_mean": "the gradients by the biases are means over the batch, and should be sums.",
    "dh0_zero": "dh0 is zero: what the loop carries past the first step is dh0.",
    "dh0_early": "dh0 is a step early: it is the gradient by the first h, and goes through that step too.",
    "dh0_direct": "dh0 lacks the way through the gates: it has only dh z of the first step.",
    "no_W_h": "dh lacks all that goes through W_h.",
    "dh_no_r": "dh lacks the way through the reset gate.",
    "dh_no_z": "dh lacks the way through the update gate.",
    "dh_no_n": "dh lacks the way through the candidate.",
    "dh_r_z_swapped": "in dh, da_r meets W_hz and da_z meets W_hr.",
    "dh_transposed": "dh is multiplied by the transposed blocks of W_h.",
    "dx_transposed": "dx is multiplied by the transposed blocks of W_x.",
    "dx_W_h": "dx is made with W_h where W_x belongs.",
    "dx_no_r": "dx lacks the way through the reset gate.",
    "dx_no_z": "dx lacks the way through the update gate.",
    "dx_no_n": "dx lacks the way through the candidate.",
    "dx_reversed": "dx is in the order in which the loop made it, the last step first.",
    "W_x_h": "dW_x is made with h_{t-1} where x_t belongs.",
    "W_h_x": "dW_h is made with x_t where h_{t-1} belongs.",
    "r_z_blocks": "the row blocks of the gradients lie as z, r, n, and should as r, z, n.",
    "n_r_z_blocks": "the row blocks of the gradients lie as n, r, z, and should as r, z, n.",
}

TENSORS = ("dx", "dh0", "dW_x", "dW_h", "db_x", "db_h")
SUMS = TENSORS[2:]

MIXED = {f"d{switch}": (f"d{name}", gate, other) for switch, (name, gate, other) in LETTERS.items()}
"""By switch: a gradient, the gate of its rows, and the gate whose da stands there."""

ONCE = {f"{name}_{gate}_once": (name, gate) for name in SUMS for gate in "rzn"}
"""By switch: a gradient, and the gate whose rows the loop overwrites."""

BACKWARD |= (
    {
        switch: f"in {name}, da_{other} stands in the rows of {gate}."
        for switch, (name, gate, other) in MIXED.items()
        if switch not in ("dW_x_z_of_r", "dW_h_z_of_r")
    }
    | {
        switch: f"the rows of {gate} in {name} are overwritten at every step; they add up."
        for switch, (name, gate) in ONCE.items()
    }
    | {f"{name}_sign": f"the sign of {name} is wrong." for name in TENSORS}
    | {f"{name}_zero": f"{name} is zero." for name in TENSORS if name not in ("dh0", "db_h")}
    | {f"{name}_by_B": f"{name} is divided by B: it is a sum over the batch." for name in SUMS}
    | {f"{name}_by_T": f"{name} is divided by T: it is a sum over the steps." for name in SUMS}
    | {f"{name}_by_TB": f"{name} is divided by T B: it is a sum over steps and batch." for name in SUMS}
    | {
        f"{name}_blocks": f"the row blocks of {name} lie as z, r, n, and should as r, z, n."
        for name in SUMS[1:]
    }
    | {f"W_h{gate}_h_t": f"h_t was used where h_{{t-1}} belongs, in dW_h{gate}." for gate in "rzn"}
    | {
        f"dh_{gate}_transposed": f"in dh, da_{gate} is multiplied by the transposed W_h{gate}."
        for gate in "rz"
    }
    | {
        "W_hr_rh": "dW_hr is made with r h_{t-1}, and should with h_{t-1}.",
        "W_xn_r": "dW_xn has an r that is not there: r multiplies the recurrent part alone.",
        "dx_r_z_swapped": "in dx, da_r meets W_xz and da_z meets W_xr.",
        "db_one_sequence": "db_x and db_h hold the first sequence only: sum over the batch.",
        "db_x_step_0": "db_x is overwritten at every step; it adds up.",
        "db_h_step_0": "db_h is overwritten at every step; it adds up.",
    }
)

BACKWARD_AFTER = {
    "r_h": "da_r has h_{t-1} where W_hn h_{t-1} + b_hn belongs.",
    "r_no_b": "da_r lacks b_hn: r multiplies W_hn h_{t-1} + b_hn.",
    "r_dq": "da_r starts from da_n r, and should from da_n.",
    "no_r_weights": "dW_hn and db_hn lack r.",
    "dW_r_twice": "dW_hn has r twice.",
    "dW_q": "dW_hn is made with W_hn h_{t-1} + b_hn where h_{t-1} belongs.",
    "dW_rh": "dW_hn is made with r h_{t-1}, and should with h_{t-1}: r acts after the product here.",
    "db_swapped": "db_x and db_h are swapped.",
    "db_h_is_db_x": "db_h is taken as db_x: in its rows of n, r is missing.",
    "db_x_is_db_h": "db_x is taken as db_h: its rows of n have no r.",
}

BACKWARD_BEFORE = {
    "r_no_W": "da_r lacks W_hn: r acts on h_{t-1} before the product, so dr is (W_hn^T da_n) h_{t-1}.",
    "r_no_h": "da_r lacks h_{t-1}: r multiplies it, so dr is (W_hn^T da_n) h_{t-1}.",
    "other_formulas": "the formulas are those of the other variant of the reset gate.",
    "direct_r": "the direct path to h_{t-1} is multiplied by r too: dh z stands outside of it.",
    "r_before_W": "in dh, r multiplies da_n, and should what comes out of W_hn^T da_n.",
    "r_h_t": "da_r has h_t where h_{t-1} belongs.",
    "n_transposed": "da_n is multiplied by the transposed W_hn: in da_r and in dh.",
    "r_rh": "da_r has r h_{t-1} where h_{t-1} belongs.",
    "db_h_r": "db_hn has an r that is not there: b_hn stands outside of the reset gate.",
}


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def _steep(a):
    return sigmoid(2 * a)


def _turned(a):
    return sigmoid(-a)


def gru_forward(on, x, h0, W_x, W_h, b_x, b_h, reset_after):
    if "other_variant" in on:
        reset_after = not reset_after
    order = {"r_z_blocks": (1, 0, 2), "n_r_z_blocks": (1, 2, 0)}.get("".join(on & BLOCKS), (0, 1, 2))
    W_xr, W_xz, W_xn = (np.split(W_x, 3)[k] for k in order)
    W_hr, W_hz, W_hn = (np.split(W_h, 3)[k].T if "transposed" in on else np.split(W_h, 3)[k] for k in order)
    b_xr, b_xz, b_xn = (np.split(b_x * ("no_b_x" not in on), 3)[k] for k in order)
    b_hr, b_hz, b_hn = (np.split(b_h * ("no_b_h" not in on), 3)[k] for k in order)
    b_hr, b_hz = (0 * b_hr, 0 * b_hz) if "no_b_hr_b_hz" in on else (b_hr, b_hz)
    b_hn = 0 * b_hn if "no_b_hn" in on else b_hn
    W_hz = W_hr if "z_W_hr" in on else W_hz
    blocks = {
        **{"W_xr": W_xr, "W_xz": W_xz, "W_xn": W_xn, "W_hr": W_hr, "W_hz": W_hz, "W_hn": W_hn},
        **{"b_xr": b_xr, "b_xz": b_xz, "b_xn": b_xn, "b_hr": b_hr, "b_hz": b_hz, "b_hn": b_hn},
    }
    taken = dict(blocks)
    for switch in on & set(LETTERS):
        name, letter, other = LETTERS[switch]
        taken[name + letter] = blocks[name + other]
    for name in ("W_x", "W_h", "b_x", "b_h"):
        if f"{name}_blocks" in on or (name[0] == "W" and "W_blocks" in on):
            taken |= {f"{name}r": blocks[f"{name}z"], f"{name}z": blocks[f"{name}r"]}
    W_xr, W_xz, W_xn, W_hr, W_hz, W_hn, b_xr, b_xz, b_xn, b_hr, b_hz, b_hn = taken.values()
    gate = np.tanh if "gates_tanh" in on else sigmoid
    if "sigmoid_2a" in on:
        gate = _steep
    if "sigmoid_sign" in on:
        gate = _turned
    candidate = sigmoid if "n_sigmoid" in on else np.asarray if "n_linear" in on else np.tanh
    h = 0 * h0 if "h0_zero" in on else h0
    steps, states = [], []
    for x_t in x[::-1] if "reversed" in on else x:
        x_t = x[0] if "x_first" in on else x_t
        before = h0 if "h_not_carried" in on else h
        r = gate(x_t @ W_xr.T + b_xr + before @ W_hr.T + b_hr)
        z = gate(x_t @ W_xz.T + b_xz + before @ W_hz.T + b_hz)
        acting = (
            np.ones_like(r) if "no_r" in on else z if "r_is_z" in on else 1 - r if "one_minus_r" in on else r
        )
        seen = 0 * before if "n_without_h" in on else before
        if reset_after:
            q = seen @ W_hn.T + b_hn
            a_n = x_t @ W_xn.T + b_xn + acting * q
            if "b_h_outside" in on:
                a_n += (1 - acting) * b_hn
            if "r_around_all" in on:
                a_n = acting * (x_t @ W_xn.T + b_xn + q)
        else:
            q = acting * seen
            a_n = x_t @ W_xn.T + b_xn + q @ W_hn.T + b_hn
        n = candidate(a_n)
        new = (z * n + (1 - z) * before) if "z_swapped" in on else (1 - z) * n + z * before
        if "kept_r" in on:
            new = (1 - z) * n + z * r * before
        if "h_sum" in on:
            new = n + z * before
        if "h_only_n" in on:
            new = (1 - z) * n
        steps.append((x_t, before, new, r, z, n, q))
        states.append(before if "returns_before" in on else new)
        h = new
    return np.array(states), (steps, W_x, W_h, b_h, reset_after)


BLOCKS = {"r_z_blocks", "n_r_z_blocks"}


def gru_backward(on, dh, dh_T, cache):
    steps, W_x, W_h, b_h, reset_after = cache
    T, B, H = dh.shape
    W_r, W_z, W_n = np.split(W_h, 3)
    dx, dW_x, dW_h = np.zeros((T, B, W_x.shape[1])), np.zeros_like(W_x), np.zeros_like(W_h)
    db_x, db_h = np.zeros(3 * H), np.zeros(3 * H)
    if "sign" in on:
        dh, dh_T = -dh, -dh_T
    if "all_by_T" in on:
        dh, dh_T = dh / T, dh_T / T
    carried = 0 * dh_T if on & {"dh_T_dropped", "dh_T_first"} else dh_T
    after = reset_after != bool(on & {"other_variant", "other_formulas"})
    walk = range("first_step_left_out" in on, T - ("last_step_left_out" in on))
    for t in walk if "forward_in_time" in on else reversed(walk):
        x_t, before, h_t, r, z, n, q = steps[t]
        if "h_in_place" in on:
            before = steps[-1][2]
        if "other_variant" in on:
            q = before @ W_n.T + b_h[2 * H :] if after else r * before
        dh_t = dh[T - 1 - t] if "dh_reversed" in on else dh[t]
        if "dh_ignored" in on or ("dh_last_only" in on and t < T - 1):
            dh_t = 0 * dh_t
        if "dh_T_every_step" in on and t < T - 1:
            dh_t = dh_t + dh_T
        if "dh_T_first" in on and t == 0:
            dh_t = dh_t + dh_T
        if "dh_T_replaces" in on and t == T - 1:
            dh_t = 0 * dh_t
        if "dh_by_T" in on:
            dh_t = dh_t / T
        alone = "not_carried" in on or ("truncated" in on and t < T - 1)
        total = dh_t if alone else dh_t + carried

        share = z if "z_swapped" in on or "n_by_z" in on else np.ones_like(z) if "n_no_z" in on else 1 - z
        slope = 1 - n**2
        if "n_no_derivative" in on:
            slope = np.ones_like(n)
        if "n_sigmoid_derivative" in on:
            slope = n * (1 - n)
        if "n_no_square" in on:
            slope = 1 - n
        if "n_tanh_again" in on:
            slope = 1 - np.tanh(n) ** 2
        if "n_r" in on:
            slope = slope * r
        dn = total * share * (-1 if "n_sign" in on else 1)
        da_n = dn * slope

        z_sees = (h_t if "z_h_t" in on else before * ("z_no_h" not in on)) - n * ("z_no_n" not in on)
        slope = z * (1 - z)
        if on & {"z_no_derivative", "gates_no_derivative"}:
            slope = np.ones_like(z)
        if on & {"z_tanh_derivative", "gates_tanh_derivative"}:
            slope = 1 - z**2
        if "gates_again" in on:
            slope = sigmoid(z) * (1 - sigmoid(z))
        if on & {"z_only_z", "z_only_1_z"}:
            slope = z if "z_only_z" in on else 1 - z
        if "z_r_derivative" in on:
            slope = r * (1 - r)
        da_z = total * z_sees * slope * (-1 if "z_sign" in on else 1)

        slope = r * (1 - r)
        if on & {"r_no_derivative", "gates_no_derivative"}:
            slope = np.ones_like(r)
        if on & {"r_tanh_derivative", "gates_tanh_derivative"}:
            slope = 1 - r**2
        if "gates_again" in on:
            slope = sigmoid(r) * (1 - sigmoid(r))
        if on & {"r_only_r", "r_only_1_r"}:
            slope = r if "r_only_r" in on else 1 - r
        if "r_z_derivative" in on:
            slope = z * (1 - z)
        from_n = dn if "r_dn" in on else da_n
        if after:
            r_sees = before if "r_h" in on else q - b_h[2 * H :] if "r_no_b" in on else q
            da_r = from_n * (r if "r_dq" in on else 1) * r_sees * slope
            dq = da_n * r
            through_n = (da_n if "no_r" in on or "no_r_dh" in on else dq) @ W_n
            dW_n = (da_n if on & {"no_r", "no_r_dW", "no_r_weights"} else dq).T @ before
            if on & {"dW_r_twice", "dW_rh"}:
                dW_n = (dq * r).T @ before if "dW_r_twice" in on else dq.T @ (r * before)
            dW_n = dq.T @ q if "dW_q" in on else dW_n
            db_n = da_n if on & {"no_r", "db_h_is_db_x", "no_r_weights"} else dq
        else:
            W_n = W_n.T if "n_transposed" in on else W_n
            r_sees = r * before if "r_rh" in on else h_t if "r_h_t" in on else before
            r_sees = np.ones_like(before) if "r_no_h" in on else r_sees
            da_r = (from_n if "r_no_W" in on else from_n @ W_n) * r_sees * slope
            through_n = da_n @ W_n * (1 if "no_r" in on or "no_r_dh" in on else r)
            if "r_before_W" in on:
                through_n = (da_n * r) @ W_n
            rh = q if "h_in_place" in on else r * before
            dW_n = da_n.T @ (before if "no_r" in on or "no_r_dW" in on else rh)
            db_n = da_n * r if "db_h_r" in on else da_n
        da_r = da_r * (0 if "r_missing" in on else -1 if "r_sign" in on else 1)

        blocks = W_r, W_z
        if "dh_r_z_swapped" in on:
            blocks = W_z, W_r
        if "dh_transposed" in on:
            blocks, through_n = (W_r.T, W_z.T), _transposed(da_n, r, W_n, after)
        if on & {"dh_r_twice", "dh_z_twice"}:
            blocks = (W_r, W_r) if "dh_r_twice" in on else (W_z, W_z)
        if on & {"dh_r_transposed", "dh_z_transposed"}:
            blocks = (W_r.T, W_z) if "dh_r_transposed" in on else (W_r, W_z.T)
        if "n_transposed" in on:
            W_n = W_n.T  # as it was
        if "dh_n_transposed" in on:
            through_n = _transposed(da_n, r, W_n, after)
        ways = [da_r @ blocks[0] * ("dh_no_r" not in on), da_z @ blocks[1] * ("dh_no_z" not in on)]
        if "dh_no_gates" in on:
            ways = []
        ways.append(through_n * ("dh_no_n" not in on))
        direct = 1 - z if "z_swapped" in on or "direct_1_z" in on else z
        if "direct_whole" in on:
            direct = np.ones_like(z)
        if "direct_twice" in on:
            direct = 2 * direct
        if "direct_r" in on:
            direct = direct * r
        direct = total * direct * ("direct_dropped" not in on)
        to_the_first = t == 0 and "dh0_direct" in on
        carried = direct + sum(ways) * ("no_W_h" not in on and not to_the_first)

        keep = 0 if "first_step_only" in on else 1
        keep_b = 0 if "db_first_step_only" in on else keep
        keep_x = 0 if on & {"W_x_step_0", "W_x_b_x_step_0"} else keep
        keep_h = 0 if "W_h_step_0" in on else keep
        da = np.hstack([da_r, da_r if "W_x_r_twice" in on else da_z, da_n])
        z_rows = da_r if "db_r_twice" in on else da_z
        db = np.hstack([da_r, z_rows, da_n * r if "db_x_is_db_h" in on else da_n])
        to_x = np.hstack(
            [
                da_r * (not on & {"dx_no_r", "dx_only_n"}),
                da_z * (not on & {"dx_no_z", "dx_only_n"}),
                da_n * ("dx_no_n" not in on) * (r if "dx_n_r" in on else 1),
            ]
        )
        if "dx_W_h" in on:
            dx[t] = to_x @ W_h
        elif "dx_transposed" in on:
            dx[t] = sum(part @ W.T for part, W in zip(np.split(to_x, 3, 1), np.split(W_x, 3), strict=True))
        else:
            W_xr, W_xz, W_xn = np.split(W_x, 3)
            of_r = W_xz if on & {"dx_z_twice", "dx_r_z_swapped"} else W_xr
            of_z = W_xr if on & {"dx_r_twice", "dx_r_z_swapped"} else W_xz
            dx[t] = to_x @ np.vstack([of_r, of_z, W_xn])
        h_seen = h_t if "W_h_h_t" in on else x_t if "W_h_x" in on else before
        if "W_h_h0_zero" in on and t == 0:
            h_seen = 0 * before
        if "W_h_last" in on and t == 0:
            h_seen = steps[-1][2]
        if on & {"W_h_h_t", "W_h_x", "W_h_h0_zero", "W_h_last"}:
            dW_n = (da_n * r).T @ h_seen if after else da_n.T @ (r * h_seen)
        of_step = [da_r.T @ h_seen, (da_r if "W_h_r_twice" in on else da_z).T @ h_seen, dW_n]
        for row, gate in enumerate("rzn"):
            if f"W_h{gate}_h_t" in on:
                seen = r * h_t if gate == "n" and not after else h_t
                of_step[row] = (da_r, da_z, da_n * r if after else da_n)[row].T @ seen
        if "W_hr_rh" in on:
            of_step[0] = da_r.T @ (r * before)
        if "W_h_transposed" in on:
            of_step = [block.T for block in of_step]
        by_W_x = da * np.hstack([np.ones((B, 2 * H)), r]) if "W_xn_r" in on else da
        db_of_h = np.hstack([da_r, z_rows, db_n])
        if "db_one_sequence" in on:
            db, db_of_h = db[:1], db_of_h[:1]
        new = {
            **{"dW_x": by_W_x.T @ (before if "W_x_h" in on else x_t), "dW_h": np.vstack(of_step)},
            **{"db_x": db.sum(axis=0), "db_h": db_of_h.sum(axis=0)},
        }
        for switch in on & set(MIXED):
            name, gate, other = MIXED[switch]
            act = before if after or gate != "n" else r * before
            to = {"dW_x": x_t, "dW_h": act}.get(name, np.ones((B, 1)))
            rows = {"r": da_r, "z": da_z, "n": da_n}[other].T @ to
            new[name][_rows(gate, H)] = rows if name[1] == "W" else rows[:, 0]
        for switch in on & set(ONCE):
            name, gate = ONCE[switch]
            {"dW_x": dW_x, "dW_h": dW_h, "db_x": db_x, "db_h": db_h}[name][_rows(gate, H)] = 0
        dW_x = keep_x * dW_x + new["dW_x"]
        dW_h = keep_h * dW_h + new["dW_h"]
        db_x = keep_b * db_x * (not on & {"W_x_b_x_step_0", "db_x_step_0"}) + new["db_x"]
        db_h = keep_b * db_h * ("db_h_step_0" not in on) + new["db_h"]
        if "dh0_early" in on and t == 0:
            carried = total
    if "db_mean" in on:
        db_x, db_h = db_x / B, db_h / B
    if "db_mean_TB" in on:
        db_x, db_h = db_x / (T * B), db_h / (T * B)
    if "db_h_zero" in on:
        db_h = 0 * db_h
    if "db_swapped" in on:
        db_x, db_h = db_h, db_x
    if "W_x_blocks" in on:
        dW_x = np.concatenate([np.split(dW_x, 3)[k] for k in (1, 0, 2)])
    if "dx_reversed" in on:
        dx = dx[::-1]
    scale = B if "mean_B" in on else T if "mean_T" in on else T * B if "mean_TB" in on else 1
    weights = [array / scale for array in (dW_x, dW_h, db_x, db_h)]
    order = {"r_z_blocks": (1, 0, 2), "n_r_z_blocks": (2, 0, 1)}.get("".join(on & BLOCKS), (0, 1, 2))
    weights = [np.concatenate([np.split(array, 3)[k] for k in order]) for array in weights]
    results = dict(zip(TENSORS, (dx, carried * ("dh0_zero" not in on), *weights), strict=True))
    for name in TENSORS:
        for switch, factor in {
            "sign": -1,
            "zero": 0,
            "by_B": 1 / B,
            "by_T": 1 / T,
            "by_TB": 1 / (T * B),
        }.items():
            if f"{name}_{switch}" in on:
                results[name] = results[name] * factor
        if name in SUMS[1:] and f"{name}_blocks" in on:
            results[name] = np.concatenate([np.split(results[name], 3)[k] for k in (1, 0, 2)])
    return tuple(results.values())


def _rows(gate, H):
    start = "rzn".index(gate) * H
    return slice(start, start + H)


def _transposed(da_n, r, W_n, after):
    return (da_n * r) @ W_n.T if after else da_n @ W_n.T * r


def functions(*switches, part="backward"):
    """A GRU's two functions, with errors in one of them."""
    on = set(switches)
    return {
        "gru_forward": partial(gru_forward, on if part == "forward" else set()),
        "gru_backward": partial(gru_backward, on if part == "backward" else set()),
    }


BANKS = {
    "gru_forward_reset_after": (FORWARD | FORWARD_AFTER, "forward", ("forward", True)),
    "gru_forward_reset_before": (FORWARD, "forward", ("forward", False)),
    "gru_backward_reset_after": (BACKWARD | BACKWARD_AFTER, "backward", ("backward", True)),
    "gru_backward_reset_before": (BACKWARD | BACKWARD_BEFORE, "backward", ("backward", False)),
}
"""By name: sentences, the function that has the error, and which of the exercise's tensors show it."""
