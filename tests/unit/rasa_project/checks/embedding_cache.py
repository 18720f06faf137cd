"""The vectors of examples, kept between trainings."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from components import embedding_cache
from components.embedding_cache import CachedEncoder, EmbeddingCache, Entries, key_of


class Encoder:
    """Writes down what it is asked; a text's vector is its length, and one."""

    dimension = 2

    def __init__(self, identity: str = "model 1", during: Callable[[str], object] = str) -> None:
        self.identity, self.asked, self._during = identity, list[str](), during

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        for text in texts:
            self._during(text)
        self.asked += texts
        return np.array([[len(text), 1] for text in texts], dtype=np.float32)


class Warnings(logging.Handler):
    """What was said while it was entered."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(record.getMessage())

    def __enter__(self) -> Warnings:  # noqa: PYI034 - Python 3.10 has no Self
        embedding_cache.logger.addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        embedding_cache.logger.removeHandler(self)


def trained(folder: Path, *texts: str, identity: str = "model 1", **options: int) -> list[str]:
    """What a training had to encode."""
    encoder = Encoder(identity)
    vectors = CachedEncoder(encoder, EmbeddingCache(folder, **options)).encode(texts)
    assert vectors[:, 0].tolist() == [len(text) for text in texts]
    assert vectors.dtype == np.float32
    return encoder.asked


def test_an_edit_costs_one_encoding(tmp_path: Path) -> None:
    assert trained(tmp_path, "one", "two", "three") == ["one", "two", "three"]
    assert trained(tmp_path, "one", "two", "three") == []
    assert trained(tmp_path, "one", "two!", "three") == ["two!"]


def test_a_text_that_is_there_twice_is_encoded_once(tmp_path: Path) -> None:
    assert trained(tmp_path, "one", "two", "one") == ["one", "two"]


def test_nothing_to_encode_is_no_row(tmp_path: Path) -> None:
    assert CachedEncoder(Encoder(), EmbeddingCache(tmp_path)).encode([]).shape == (0, 2)
    assert CachedEncoder(Encoder(), None).encode(["one"]).shape == (1, 2)


def test_each_encoder_has_vectors_of_its_own(tmp_path: Path) -> None:
    trained(tmp_path, "one")
    assert trained(tmp_path, "one", identity="model 2") == ["one"]
    assert trained(tmp_path, "one") == []


def test_no_text_is_on_disk(tmp_path: Path) -> None:
    trained(tmp_path, "a sentence that is nobody's business")
    assert all(b"nobody" not in path.read_bytes() for path in tmp_path.iterdir())


def test_a_damaged_file_is_rebuilt_and_that_is_said(tmp_path: Path) -> None:
    path = EmbeddingCache(tmp_path).path("model 1")
    trained(tmp_path, "one", "two")
    whole = path.read_bytes()
    flipped = bytearray(whole)
    flipped[whole.index(np.float32(3).tobytes(), whole.index(b"vectors"))] ^= 1
    for damaged in (b"", whole[: len(whole) // 2], b"\x93NUMPY\x01\x00", b"nothing", bytes(flipped)):
        path.write_bytes(damaged)
        with Warnings() as warnings:
            assert trained(tmp_path, "one", "two") == ["one", "two"]
        assert "damaged and is rebuilt" in warnings.said[0]
        assert trained(tmp_path, "one", "two") == []


def test_reading_runs_no_code(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, ...]:
            return (Path.touch, (tmp_path / "sprung",))

    path = EmbeddingCache(tmp_path).path("model 1")
    objects = np.array([Trap()], dtype=object)
    with path.open("wb") as file:
        np.savez(file, format=objects, identity=objects, keys=objects, used=objects, vectors=objects)
    assert trained(tmp_path, "one") == ["one"]
    assert not (tmp_path / "sprung").exists()


def test_a_file_of_another_shape_or_with_impossible_numbers_is_not_believed(tmp_path: Path) -> None:
    cache, now = EmbeddingCache(tmp_path), np.ones(1)
    for vectors in (np.ones((1, 3), np.float32), np.ones((1, 2)), np.full((1, 2), np.nan, np.float32)):
        cache._write("model 1", Entries([key_of("one")], now, vectors))
        assert trained(tmp_path, "one") == ["one"]
    cache.path("model 2").write_bytes(cache.path("model 1").read_bytes())
    assert trained(tmp_path, "one", identity="model 2") == ["one"]


def test_two_trainings_at_once_lose_nothing_of_each_others(tmp_path: Path) -> None:
    meanwhile = Encoder(during=lambda text: trained(tmp_path, "theirs"))
    CachedEncoder(meanwhile, EmbeddingCache(tmp_path)).encode(["mine"])
    assert trained(tmp_path, "mine", "theirs") == []


def test_one_writes_at_a_time(tmp_path: Path) -> None:
    cache = EmbeddingCache(tmp_path)
    other = threading.Thread(target=trained, args=(tmp_path, "theirs"))
    with cache._alone():
        before = cache.read("model 1", 2)
        other.start()
        other.join(0.5)  # it would be done by now, if it did not wait
        mine = Entries([key_of("mine")], np.ones(1), np.array([[4, 1]], np.float32))
        cache._write("model 1", before.joined(mine))
    other.join()
    assert trained(tmp_path, "mine", "theirs") == []


def test_what_was_used_last_stays(tmp_path: Path) -> None:
    trained(tmp_path, "one", "two", "three", limit=3)
    cache = EmbeddingCache(tmp_path, limit=3)
    old = cache.read("model 1", 2)
    cache._write("model 1", Entries(old.keys, old.used - 10 * embedding_cache.DAY, old.vectors))
    trained(tmp_path, "three", "four", limit=3)
    known = cache.read("model 1", 2).rows
    assert len(known) == 3
    assert {key_of("three"), key_of("four")} <= set(known)


def test_only_a_few_encoders_are_kept(tmp_path: Path) -> None:
    for number in range(5):
        trained(tmp_path, "one", identity=f"model {number}", files=2)
    assert len(list(tmp_path.glob("*.npz"))) == 2
    assert trained(tmp_path, "one", identity="model 4") == []


def test_a_training_that_is_stopped_keeps_what_was_done(tmp_path: Path) -> None:
    def stop(text: str) -> None:
        if text == "stop":
            raise KeyboardInterrupt

    usual, embedding_cache.SAVE_EVERY = embedding_cache.SAVE_EVERY, 0.0
    texts = [str(number) for number in range(50)]
    try:
        CachedEncoder(Encoder(during=stop), EmbeddingCache(tmp_path)).encode([*texts, "stop"])
    except KeyboardInterrupt:
        pass
    else:
        raise AssertionError("not stopped")
    finally:
        embedding_cache.SAVE_EVERY = usual
    assert len(trained(tmp_path, *texts)) < 10


def test_what_a_crash_left_behind_is_no_hindrance(tmp_path: Path) -> None:
    EmbeddingCache(tmp_path).path("model 1").with_suffix(".draft").write_bytes(b"half a fi")
    trained(tmp_path, "one")
    assert trained(tmp_path, "one") == []
    assert not list(tmp_path.glob("*.draft"))


def test_a_folder_that_cannot_be_written_is_told_and_costs_only_time(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with Warnings() as warnings:
        assert trained(tmp_path / "file", "one") == ["one"]
    assert any("cannot be kept" in said for said in warnings.said)


def test_the_work_is_told_about_every_tenth(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    texts = [str(number) for number in range(95)]
    CachedEncoder(Encoder(), EmbeddingCache(tmp_path), threads=3).encode(texts, lambda *now: told.append(now))
    assert told[0] == (10, 95)
    assert told[-1] == (95, 95)
    assert len(told) == 10


def test_threads_make_no_difference(tmp_path: Path) -> None:
    texts = [str(number) * number for number in range(40)]
    alone, together = (CachedEncoder(Encoder(), None, threads=number).encode(texts) for number in (1, 4))
    assert np.array_equal(alone, together)
