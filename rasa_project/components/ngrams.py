"""Words and pieces of words as numbers: what a message says letter by letter.

Pieces of words survive a typo, a missing accent, SMS spelling; whole words tell near intents apart. Both
are hashed, so that no vocabulary has to be kept, weighted by rarity (tf-idf), and brought down to a few
hundred numbers (truncated SVD, that is, latent semantic analysis: Deerwester et al. 1990).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.preprocessing import normalize

_COMMON = {"strip_accents": "unicode", "norm": None, "alternate_sign": False, "dtype": np.float32}
_WORD = r"\b\w+\b"
_WORDS = HashingVectorizer(n_features=2**13, ngram_range=(1, 2), token_pattern=_WORD, **_COMMON)
_PIECES = HashingVectorizer(n_features=2**14, ngram_range=(2, 5), analyzer="char_wb", **_COMMON)


@dataclass(frozen=True)
class NGrams:
    """What was learnt from the examples: how rare each n-gram is, and the directions that matter.

    Attributes:
        rarity: a weight an n-gram.
        directions: a row an n-gram, a column a direction; float16, for half the memory.
    """

    rarity: np.ndarray
    directions: np.ndarray

    @classmethod
    def learn(cls, texts: Sequence[str], dimension: int) -> NGrams:
        """From the examples alone, whatever their intents."""
        counts = _counts(texts)
        occurs = np.asarray((counts > 0).sum(axis=0)).ravel()
        rarity = np.log((1 + len(texts)) / (1 + occurs)).astype(np.float32) + 1
        weighted = _weighted(counts, rarity)
        # n-grams that no example holds have no weight in any direction: they are left out of the work.
        present = np.flatnonzero(occurs)
        size = max(min(dimension, len(texts) - 1, len(present) - 1), 1)
        directions = np.zeros((counts.shape[1], size), dtype=np.float16)
        if len(present) > 1:
            svd = TruncatedSVD(size, n_iter=2, random_state=0).fit(weighted[:, present])
            directions[present] = svd.components_.T
        return cls(rarity, directions)

    def transform(self, texts: Sequence[str]) -> np.ndarray:
        """A row a text, of length 1 at most; zeros for a text without a known n-gram."""
        weighted = _weighted(_counts(texts), self.rarity)
        # Only the rows that these texts need become float32: all of them would take 50 ms a message.
        used, columns = np.unique(weighted.indices, return_inverse=True)
        narrow = (weighted.data, columns, weighted.indptr)
        terms = scipy.sparse.csr_matrix(narrow, shape=(weighted.shape[0], len(used)))
        return np.asarray(terms @ self.directions[used].astype(np.float32))


def _counts(texts: Sequence[str]) -> scipy.sparse.csr_matrix:
    sound = [text.encode("utf-8", "replace").decode() for text in texts]  # half a surrogate has no hash
    return scipy.sparse.hstack([_WORDS.transform(sound), _PIECES.transform(sound)], format="csr")


def _weighted(counts: scipy.sparse.csr_matrix, rarity: np.ndarray) -> scipy.sparse.csr_matrix:
    """Sublinear tf-idf, rows of length 1: the tenth time says little more than the first."""
    terms = counts.copy()
    terms.data = (np.log(terms.data) + 1) * rarity[terms.indices]
    return normalize(terms, copy=False)
