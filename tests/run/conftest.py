"""Recipes with other values: records are frozen, so a test makes a new one."""

from dataclasses import replace

import pytest


def _changed(record, key, value):
    name, _, rest = key.partition(".")
    inner = record[name] if isinstance(record, dict) else getattr(record, name) if rest else None
    value = _changed(inner, rest, value) if rest else value
    return {**record, name: value} if isinstance(record, dict) else replace(record, **{name: value})


@pytest.fixture(scope="session")
def changed():
    """Return a function that gives a record other values: `changed(recipe, {"train.epochs": 2.0})`."""

    def change(record, values):
        for key, value in values.items():
            record = _changed(record, key, value)
        return record

    return change
