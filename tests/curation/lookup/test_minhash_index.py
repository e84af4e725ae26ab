"""The band index finds what shares a band, and the signatures give the similarity that the library gives."""

import random
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rensa import RMinHash, RMinHashLSH

from reasondistill.curation.lookup.minhash_index import BandIndex, Signatures
from reasondistill.curation.steps.near_duplicates import PERMUTATIONS, Seen

SIGNATURES = st.lists(st.lists(st.integers(0, 3), min_size=6, max_size=6), max_size=40)


@settings(deadline=None)
@given(SIGNATURES, st.lists(st.integers(0, 3), min_size=6, max_size=6), st.integers(1, 9))
def test_those_with_a_band_in_common_are_found_before_and_after_sorting(kept, asked, fresh):
    with mock.patch("reasondistill.curation.lookup.minhash_index._FRESH", fresh):
        index = BandIndex(bands=3)
        for number, signature in enumerate(kept):
            index.add(np.array(signature, np.uint32), number)
    own = np.array(asked, np.uint32)
    expected = [
        number for number, other in enumerate(kept) if any(other[i : i + 2] == asked[i : i + 2] for i in (0, 2, 4))
    ]
    assert index.find(own) == expected


@settings(deadline=None)
@given(SIGNATURES, st.lists(st.integers(0, 3), min_size=6, max_size=6), st.sampled_from([0.1, 0.5, 1.0]))
def test_the_most_similar_is_found_among_few_and_many(kept, asked, threshold):
    signatures, own = Signatures(6), np.array(asked, np.uint32) << 8
    for number, other in enumerate(kept):
        assert signatures.add(np.array(other, np.uint32) << 8) == number
    shares = [sum(a == b for a, b in zip(asked, other, strict=True)) / 6 for other in kept]
    best = max(range(len(kept)), key=lambda number: (shares[number], -number), default=None)
    found = signatures.nearest(own, range(len(kept)), threshold)
    if best is None or shares[best] < threshold:
        assert found is None
    else:
        assert found == (best, pytest.approx(shares[best]))


def test_the_same_texts_are_near_duplicates_as_by_the_librarys_own_index():
    draw = random.Random(4)
    texts = [" ".join(draw.choices("abcdefgh", k=40)) for _ in range(60)]
    for _ in range(140):
        words = draw.choice(texts).split()
        words[draw.randrange(40)] = "x"
        texts.append(" ".join(words))
    seen, lsh, kept = Seen(0.8), RMinHashLSH(0.8, PERMUTATIONS, PERMUTATIONS // 4), []
    for number, text in enumerate(texts):
        tokens = text.split()
        minhash = RMinHash(PERMUTATIONS, 0)
        minhash.update([" ".join(tokens[i : i + 3]) for i in range(len(tokens) - 2)])
        alike = [(minhash.jaccard(kept[place][1]), -place) for place in set(lsh.query(minhash))]
        best, place = max(alike, default=(0.0, 0))
        expected = (kept[-place][0], best) if best >= 0.8 else None
        assert seen.twin(str(number), text) == expected
        if expected is None:
            lsh.insert(len(kept), minhash)
            kept.append((str(number), minhash))
    assert 70 < len(kept) < 180
