"""Vectors of the examples, kept from one training to the next: an edit costs one encoding.

Only what is trained on goes here, never what customers write (see ``embedding.py``). One file an
encoder, ``<digest of its identity>.npz``: digests of texts, when each was last used, vectors. It is only
ever a copy of what the encoder would say, so a damaged one is thrown away, with a word in the log.
"""

from __future__ import annotations

import fcntl
import hashlib
import logging
import math
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from components.encoders import Encoder

logger = logging.getLogger(__name__)

FORMAT = 1
KEY_BYTES = 16
LIMIT = 40_000
"""Texts kept an encoder, the latest used: 60 MB for 384 numbers a text."""
FILES = 4
"""Encoders kept, the latest used."""
DAY = 86_400.0
SAVE_EVERY = 15.0
"""Seconds of encoding after which what is done is saved, in case the training is stopped."""

DAMAGED = (AttributeError, EOFError, KeyError, OSError, TypeError, ValueError, zipfile.BadZipFile, zlib.error)
"""What reading a file of another shape raises."""

Progress = Callable[[int, int], None]
"""Told how many texts are encoded, and of how many."""


def key_of(text: str) -> bytes:
    """What a text is filed under; the text itself is not kept."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=KEY_BYTES).digest()


@dataclass(frozen=True)
class Entries:
    """Vectors by text, a row each. ``used`` is when each was last asked for, in seconds since 1970."""

    keys: list[bytes]
    used: np.ndarray
    vectors: np.ndarray

    @classmethod
    def none(cls, dimension: int) -> Entries:
        """No entries, of that dimension."""
        return cls([], np.zeros(0), np.zeros((0, dimension), dtype=np.float32))

    @cached_property
    def rows(self) -> dict[bytes, int]:
        """Where each key is."""
        return {key: row for row, key in enumerate(self.keys)}

    def chosen(self, rows: Sequence[int]) -> Entries:
        """Only those rows, in that order."""
        return Entries([self.keys[row] for row in rows], self.used[rows], self.vectors[rows])

    def joined(self, newer: Entries) -> Entries:
        """These and the newer ones, which hold where both have an entry."""
        kept = [row for row, key in enumerate(self.keys) if key not in newer.rows]
        mine = self.chosen(kept)
        return Entries(
            mine.keys + newer.keys,
            np.concatenate([mine.used, newer.used]),
            np.concatenate([mine.vectors, newer.vectors]),
        )

    def latest(self, limit: int) -> Entries:
        """The ``limit`` entries that were used last."""
        if len(self.keys) <= limit:
            return self
        return self.chosen(np.argsort(-self.used, kind="stable")[:limit].tolist())


class EmbeddingCache:
    """The files in ``folder``. Two trainings at once lose nothing of each other's."""

    def __init__(self, folder: Path, *, limit: int = LIMIT, files: int = FILES) -> None:
        self._folder, self._limit, self._files = folder, limit, files

    def path(self, identity: str) -> Path:
        """The file of an encoder."""
        return self._folder / f"{hashlib.blake2b(identity.encode(), digest_size=8).hexdigest()}.npz"

    def read(self, identity: str, dimension: int) -> Entries:
        """What is kept for an encoder: nothing, said in the log, if the file is damaged."""
        path = self.path(identity)
        try:
            with np.load(path, allow_pickle=False) as stored:
                return _entries(stored, identity, dimension)
        except FileNotFoundError:
            pass
        except DAMAGED as error:
            logger.warning("The cache of embeddings %s is damaged and is rebuilt: %s", path, _line(error))
        return Entries.none(dimension)

    def keep(self, identity: str, fresh: Entries) -> None:
        """Add or renew entries; others that were written meanwhile stay.

        A folder that cannot be written costs time at the next training, not this one: it is only said.
        """
        try:
            with self._alone():
                entries = self.read(identity, fresh.vectors.shape[1]).joined(fresh)
                self._write(identity, entries.latest(self._limit))
                self._forget_old()
        except OSError as error:
            logger.warning("Embeddings cannot be kept for the next training: %s", error)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _write(self, identity: str, entries: Entries) -> None:
        """In one step for readers. Not synced: a file that a power cut leaves torn is seen as damaged."""
        path = self.path(identity)
        draft = path.with_suffix(".draft")  # nobody else writes now; one left by a crash is overwritten
        with draft.open("wb") as file:
            np.savez(
                file,
                format=np.int64(FORMAT),
                identity=np.frombuffer(identity.encode(), dtype=np.uint8),
                keys=np.frombuffer(b"".join(entries.keys), dtype=np.uint8).reshape(-1, KEY_BYTES),
                used=entries.used,
                vectors=entries.vectors,
            )
        draft.replace(path)

    def _forget_old(self) -> None:
        files = sorted(self._folder.glob("*.npz"), key=lambda path: -path.stat().st_mtime)
        for path in files[self._files :]:
            path.unlink(missing_ok=True)


def _entries(stored: np.lib.npyio.NpzFile, identity: str, dimension: int) -> Entries:
    keys, used, vectors = stored["keys"], stored["used"], stored["vectors"]
    if int(stored["format"]) != FORMAT or stored["identity"].tobytes() != identity.encode():
        raise ValueError("it is another encoder's, or of another version")
    sizes = (len(keys), KEY_BYTES), (len(keys),), (len(keys), dimension)
    if (keys.shape, used.shape, vectors.shape) != sizes or vectors.dtype != np.float32:
        raise ValueError("its parts do not fit together")
    if not (np.isfinite(vectors).all() and np.isfinite(used).all()):
        raise ValueError("it holds numbers that are none")
    packed = keys.tobytes()
    names = [packed[start : start + KEY_BYTES] for start in range(0, len(packed), KEY_BYTES)]
    return Entries(names, used, vectors)


class CachedEncoder:
    """An encoder that remembers examples. For training only: every text is filed on disk, as a digest.

    ``threads`` texts are encoded at once; the vectors are the same whatever it is.
    """

    def __init__(self, encoder: Encoder, cache: EmbeddingCache | None, *, threads: int = 1) -> None:
        self.encoder, self._cache, self._threads = encoder, cache, max(threads, 1)

    @property
    def identity(self) -> str:
        """The encoder's."""
        return self.encoder.identity

    @property
    def dimension(self) -> int:
        """The encoder's."""
        return self.encoder.dimension

    def encode(self, texts: Sequence[str], progress: Progress | None = None) -> np.ndarray:
        """As the encoder does; ``progress`` hears of the texts that are new, about every tenth of them."""
        keys = [key_of(text) for text in texts]
        known = self._known()
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in known.rows}
        fresh = self._encoded(missing, progress or _ignore) if missing else Entries.none(self.dimension)
        self._keep(_renewed(known, set(keys)).joined(fresh))
        known = known.joined(fresh)
        return known.vectors[[known.rows[key] for key in keys]]

    def _known(self) -> Entries:
        if self._cache is None:
            return Entries.none(self.dimension)
        return self._cache.read(self.identity, self.dimension)

    def _encoded(self, missing: dict[bytes, str], progress: Progress) -> Entries:
        total, saved = len(missing), time.monotonic()
        step = max(math.ceil(total / 10), 1)
        keys, vectors = list(missing), np.zeros((total, self.dimension), dtype=np.float32)
        with ThreadPoolExecutor(self._threads, "encoder") as pool:
            encoded = pool.map(lambda text: self.encoder.encode([text])[0], missing.values())
            for row, vector in enumerate(encoded):
                vectors[row] = vector
                done = row + 1
                if done % step == 0 or done == total:
                    progress(done, total)
                    if time.monotonic() - saved > SAVE_EVERY and done < total:
                        self._keep(_now(keys[:done], vectors[:done]))
                        saved = time.monotonic()
        return _now(keys, vectors)

    def _keep(self, fresh: Entries) -> None:
        if self._cache and fresh.keys:
            self._cache.keep(self.identity, fresh)


def _now(keys: list[bytes], vectors: np.ndarray) -> Entries:
    return Entries(keys, np.full(len(keys), time.time()), vectors)


def _renewed(known: Entries, used: set[bytes]) -> Entries:
    """The entries in use whose note of it is older than a day: a training writes nothing for less."""
    stale = np.flatnonzero(time.time() - known.used > DAY).tolist()
    found = known.chosen([row for row in stale if known.keys[row] in used])
    return _now(found.keys, found.vectors)


def _ignore(done: int, total: int) -> None:
    pass


def _line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
