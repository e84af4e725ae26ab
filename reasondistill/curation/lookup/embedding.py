"""Texts as vectors of length 1: TF-IDF by scikit-learn, or a model's hidden states by transformers."""

from collections.abc import Iterable
from itertools import islice
from typing import Any

from ...errors import RecipeError
from ...models.resolve import weights_directory

TFIDF = "tfidf"
_BATCH = 16
_MAX_TOKENS = 512
"""Tokens of a text that are read; the rest is ignored."""


def embed(texts: Iterable[str], name: str = TFIDF) -> Any:
    """Return a matrix with a row for each text: sparse for `tfidf`, dense for the name of a model.

    Raises RecipeError when the library is missing and ModelError for a model that cannot be loaded.
    """
    return _by_tfidf(texts) if name == TFIDF else _by_model(texts, name)


def _by_tfidf(texts: Iterable[str]) -> Any:
    try:
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.preprocessing import normalize
    except ImportError:
        raise RecipeError(
            "curate.diverse needs scikit-learn for TF-IDF; install reasondistill[diversity], or name a model as "
            "curate.embedding"
        ) from None
    import numpy as np

    # Numbers and signs count as words: two problems may differ in nothing else.
    vectorizer = TfidfVectorizer(sublinear_tf=True, token_pattern=r"\w+|[^\w\s]", dtype=np.float32, norm=None)
    vectors = vectorizer.fit_transform(texts)
    # Rows list words in the order of the texts; unsorted, sums would round differently in another order.
    vectors.sort_indices()
    return normalize(vectors)


def _by_model(texts: Iterable[str], name: str) -> Any:
    """Average the last hidden states over the tokens of each text, as most sentence models do."""
    try:
        import numpy as np
        import torch
        from transformers import AutoModel, AutoTokenizer
    except ImportError:
        raise RecipeError(
            f"curate.embedding {name!r} needs torch and transformers; install reasondistill[train]"
        ) from None
    place = str(weights_directory(name))
    tokenizer = AutoTokenizer.from_pretrained(place)
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    model = AutoModel.from_pretrained(place, dtype=torch.float32).eval()
    rows = []
    with torch.inference_mode():
        rest = iter(texts)
        while batch := list(islice(rest, _BATCH)):
            encoded = tokenizer(batch, return_tensors="pt", padding=True, truncation=True, max_length=_MAX_TOKENS)
            mask = encoded["attention_mask"][:, :, None].float()
            states = model(**encoded).last_hidden_state * mask
            mean = states.sum(1) / mask.sum(1).clamp(min=1)
            rows.append(torch.nn.functional.normalize(mean, dim=1).numpy())
    return np.concatenate(rows)
