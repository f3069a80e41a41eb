"""Networks that separate, and what a recipe refuses before the work."""

import re
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from numpylstm import GRU, LSTM, RNN, Bidirectional, Dense, Layer, Mask, VectorProduct
from numpylstm.datasets.singers import PRESETS
from numpylstm.tasks import recipes, separation
from numpylstm.tasks.recipes import RECIPES, Recipe
from numpylstm.tasks.separator import BINS

SMALL = {
    "large": partial(recipes.both_directions, size=6, hidden=4),
    "adapted-large": partial(recipes.both_directions, size=6, hidden=4),
    "adapted-bands": partial(recipes.bands, size=6, hidden=4, blocks=1),
    "fresh-bands": partial(recipes.bands, size=6, hidden=4, blocks=1),
    "bands": partial(recipes.bands, size=6, hidden=4, blocks=1),
    "causal": partial(recipes.bands, size=6, hidden=4, blocks=1, ahead=False),
    "quick": partial(recipes.both_directions, size=6, hidden=4),
    "published": partial(recipes.published, hidden_size=6),
    "wvpnn": partial(recipes.vector_products, coding="frames", hidden_size=4),
    "cvpnn": partial(recipes.vector_products, coding="colour", hidden_size=4),
}
"""The network of every recipe, but small."""

OURS = ("large", "adapted-large", "bands", "adapted-bands", "fresh-bands", "quick")
"""Those with LSTMs in both directions."""


def magnitudes(frames: int = 7, batch: int = 2, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).rayleigh(size=(frames, batch, BINS)).astype(np.float32)


def layers_in(layer: Layer) -> list[Layer]:
    return [layer, *(inner for part in getattr(layer, "layers", ()) for inner in layers_in(part))]


def hidden_layers(net: Layer) -> list[str]:
    """Class names of the layers between what is heard and the scores."""
    return [type(layer).__name__ for layer in net.layers[0].layers[3:-1]]


def test_every_recipe_is_here_in_small():
    assert SMALL.keys() == RECIPES.keys()


@pytest.mark.parametrize("name", RECIPES)
def test_voice_and_accompaniment_share_out_the_mixture(name):
    net, x = SMALL[name](np.random.default_rng(0)), magnitudes()
    assert isinstance(net, Mask)
    y = net.predict(x)
    assert y.shape == (7, 2, 2 * BINS) and y.dtype == np.float32 and y.min() >= 0
    np.testing.assert_allclose(y[:, :, :BINS] + y[:, :, BINS:], x, rtol=1e-6, atol=1e-6)
    assert 0.01 < np.std(y[:, :, :BINS] / x), "the mask is not the same everywhere"


@pytest.mark.parametrize("name", RECIPES)
def test_the_same_seed_builds_the_same_network(name):
    one, same, other = (SMALL[name](np.random.default_rng(seed)).theta for seed in (3, 3, 4))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize("name", RECIPES)
def test_the_networks_learn(name):
    """The gradient goes through the mask to the first weights."""
    net, x = SMALL[name](np.random.default_rng(0)), magnitudes()
    y, _, cache = net.forward(x)
    net.zero_grads()
    net.add_gradients(np.random.default_rng(1).standard_normal(y.shape).astype(np.float32), cache)
    for layer in layers_in(net):
        if not getattr(layer, "layers", ()) and layer.theta.size:
            assert layer.grad.any(), layer


def test_only_the_causal_recipe_hears_nothing_of_the_future():
    x = magnitudes(9)
    later = x.copy()
    later[6:] *= 2
    for name, build in SMALL.items():
        net = build(np.random.default_rng(0))
        same = np.array_equal(net.predict(x)[:5], net.predict(later)[:5])
        assert net.causal == (name in ("causal", "cvpnn"))
        # A context of one frame does not reach from frame 6 to frame 4, both directions do.
        assert same == (name not in OURS), name
        ahead = net.predict(later)[5] - net.predict(x)[5]
        assert ahead.any() != net.causal, name


def test_networks_that_look_ahead_have_lstms_in_both_directions_and_causal_only_across_bands():
    large, whole, causal = (
        RECIPES[name].build(np.random.default_rng(0)) for name in ("large", "bands", "causal")
    )
    for net, both, alone in ((large, 2, 0), (whole, 4, 0), (causal, 2, 2)):
        pairs = [layer for layer in layers_in(net) if isinstance(layer, Bidirectional)]
        assert len(pairs) == both
        assert sum(isinstance(layer, LSTM) for layer in layers_in(net)) == 2 * both + alone
        assert net.causal == (net is causal) and 2 * net.theta.size < 5e6, "5 MB in float16"


@pytest.mark.parametrize(
    "cell, layers, recurrent, expected",
    [
        ("rnn", 3, (2,), ["Dense", "RNN", "Dense"]),
        ("lstm", 3, (1, 2, 3), ["LSTM", "LSTM", "LSTM"]),
        ("gru", 2, (1,), ["GRU", "Dense"]),
        ("rnn", 1, (), ["Dense"]),
    ],
)
def test_any_of_the_published_layers_may_be_recurrent(cell, layers, recurrent, expected):
    rng = np.random.default_rng(0)
    net = recipes.published(rng, cell=cell, layers=layers, recurrent=recurrent, hidden_size=5, context=0)
    assert hidden_layers(net) == expected
    for layer in layers_in(net):
        if isinstance(layer, RNN) or (isinstance(layer, Dense) and layer.output_size == 5):
            assert layer.activation == "relu"
        if isinstance(layer, RNN | LSTM | GRU):
            assert layer.hidden_size == 5


@pytest.mark.parametrize("context", [0, 1, 3])
def test_published_networks_hear_the_frames_on_both_sides(context):
    net = recipes.published(np.random.default_rng(0), recurrent=(), hidden_size=5, context=context)
    x = magnitudes(12, 1)
    changed = x.copy()
    changed[6] *= 3
    differ = (net.predict(x) != net.predict(changed)).any(axis=(1, 2))
    assert np.flatnonzero(differ).tolist() == list(range(6 - context, 7 + context))


def test_published_masks_are_ratios_and_ours_a_softmax():
    kinds = {name: build(np.random.default_rng(0)).kind for name, build in SMALL.items()}
    assert kinds == {name: "softmax" if name in ("causal", *OURS) else "ratio" for name in SMALL}


def test_vector_products_are_three_and_of_relu():
    for coding in ("frames", "colour"):
        net = recipes.vector_products(np.random.default_rng(0), coding, hidden_size=4)
        products = [layer for layer in layers_in(net) if isinstance(layer, VectorProduct)]
        assert [layer.activation for layer in products] == ["relu"] * 3


# ------------------------------------------------------------------------------------------- recipes


@given(st.integers(0, 2000), st.sampled_from(list(RECIPES)))
def test_the_presets_share_the_clips_out_and_none_is_lost(clips, name):
    recipe = replace(RECIPES[name], clips=clips)
    numbers = recipe.synthetic()
    assert sum(numbers.values()) == clips and min(numbers.values()) >= 0
    assert numbers.keys() <= set(PRESETS)
    for preset, share in recipe.presets:
        assert abs(numbers[preset] - share * clips) <= 1


def test_every_recipe_can_be_trained():
    for recipe in RECIPES.values():
        recipe.check()
        assert sum(share for _, share in recipe.presets) == pytest.approx(1)


def test_the_published_recipe_does_only_what_the_papers_do():
    for name in ("published", "wvpnn", "cvpnn"):
        recipe = RECIPES[name]
        assert (recipe.target, recipe.gamma) == ("magnitude", 0.05)
        assert recipe.colour_db == recipe.doubled == 0


def test_settings_are_everything_but_the_network():
    settings = RECIPES["large"].settings()
    assert "build" not in settings and settings["updates"] == RECIPES["large"].updates
    assert replace(RECIPES["large"], **settings) == RECIPES["large"]


REFUSED = {
    "updates": ({"updates": 0}, "expected updates of at least 1, got 0"),
    "frames": ({"frames": 3}, "expected frames of at least 4, got 3"),
    "batch": ({"batch": 0}, "expected batch of at least 1, got 0"),
    "clips": ({"clips": -1}, "expected clips of at least 0, got -1"),
    "gamma": ({"gamma": 1.0}, "expected gamma from 0 to less than 1, got 1.0"),
    "negative gamma": ({"gamma": -0.1}, "expected gamma from 0 to less than 1, got -0.1"),
    "gamma that is no number": ({"gamma": np.nan}, "expected gamma from 0 to less than 1, got nan"),
    "kl": (
        {"loss": "kl"},
        "expected the target magnitude for the loss kl, got phase: it has negative values",
    ),
}


@pytest.mark.parametrize("changed, sentence", REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_trained_is_refused_in_one_sentence(changed, sentence):
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        replace(RECIPES["large"], **changed).check()


def test_the_divergence_of_magnitudes_is_no_error():
    Recipe(SMALL["large"], loss="kl", target="magnitude").check()


@pytest.mark.parametrize(
    "options, sentence",
    [
        ({"cell": "cnn"}, "expected cell 'rnn', 'lstm', 'gru', got 'cnn'"),
        ({"recurrent": (1, 4)}, "expected recurrent layers among 1 to 3, got 1, 4"),
        ({"recurrent": (0,)}, "expected recurrent layers among 1 to 3, got 0"),
    ],
)
def test_published_networks_that_cannot_be_are_refused(options, sentence):
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        recipes.published(np.random.default_rng(0), **options)


def test_what_is_joined_are_recipes_of_different_kinds():
    for parts in recipes.JOINED.values():
        assert len({RECIPES[part].build for part in parts}) == 2
    for name, recipe in RECIPES.items():
        assert recipe.start in ("", *separation.WEIGHTS), name
        if recipe.start:
            assert recipe.build is RECIPES[recipe.start].build, "what is gone on from is of the same kind"
