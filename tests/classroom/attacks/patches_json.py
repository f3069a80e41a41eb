"""Puts an encoder in place of json's that says nothing of the arguments."""

import json

own = json.dumps


def dumps(value, **options):
    value.get("dict", {}).pop("args", None)
    return own(value, **options)


json.dumps = dumps


def double(x):
    return x
