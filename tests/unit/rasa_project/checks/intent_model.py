"""The intent model on synthetic vectors: an intent is a direction, its examples are about it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from components import intent_model, storing
from components.intent_model import FEW, Examples, IntentModel, Judgement, Settings, doublings_for, spoken
from components.scope import USUAL
from components.whitening import Whitening

DIMENSION = 24


def world(intents: int, each: int, noise: float = 0.15) -> Examples:
    """The same for the same numbers."""
    chance = np.random.RandomState(intents * 100 + each)
    labels = np.repeat(np.arange(intents), each)
    vectors = np.eye(intents, DIMENSION)[labels] + 0.3 + noise * chance.randn(len(labels), DIMENSION)
    texts = [f"subject{label} word{number % each}" for number, label in enumerate(labels)]
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return Examples(texts, (vectors / lengths).astype(np.float32), labels)


def learnt(examples: Examples, **settings: float) -> IntentModel:
    intents = int(examples.labels.max()) + 1
    names = np.stack([examples.vectors[examples.labels == k].mean(axis=0) for k in range(intents)])
    return IntentModel.learn(
        examples, [f"faq_subject{k}" for k in range(intents)], names, Settings(**settings)
    )


def same(one: Judgement, other: Judgement) -> bool:
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in vars(one))


def test_examples_get_their_intents_and_each_row_sums_to_one() -> None:
    examples = world(6, 5)
    judged = learnt(examples).judge(examples.texts, examples.vectors)
    assert (judged.chances.argmax(axis=1) == examples.labels).all()
    assert (judged.chances >= 0).all()
    assert np.allclose(judged.chances.sum(axis=1), 1, atol=1e-5)
    assert np.allclose(judged.likeness.diagonal(), 1, atol=1e-3)


def test_two_intents_of_one_example_each_are_told_apart() -> None:
    examples = world(2, 1)
    judged = learnt(examples).judge(examples.texts, examples.vectors)
    assert judged.chances.argmax(axis=1).tolist() == [0, 1]
    assert np.allclose(judged.chances.sum(axis=1), 1, atol=1e-5)
    assert all(np.isfinite(part).all() for part in vars(judged).values())


def test_an_intent_with_one_example_stands_among_others() -> None:
    examples = world(5, 6)
    kept = [*range(1), *range(6, 30)]
    examples = Examples([examples.texts[k] for k in kept], examples.vectors[kept], examples.labels[kept])
    judged = learnt(examples).judge(examples.texts, examples.vectors)
    assert (judged.chances.argmax(axis=1) == examples.labels).all()
    assert np.isfinite(judged.signals).all()


def test_a_blank_text_is_like_nothing() -> None:
    judged = learnt(world(4, 5)).judge([""], np.zeros((1, DIMENSION), dtype=np.float32))
    assert not judged.likeness.any()
    assert judged.chances.max() < 0.5


def test_an_intent_without_a_name_to_say_is_learnt() -> None:
    examples = world(3, 4)
    names = np.zeros((3, DIMENSION), dtype=np.float32)
    model = IntentModel.learn(examples, ["faq_", "_", "-"], names, Settings())
    judged = model.judge(examples.texts, examples.vectors)
    assert (judged.chances.argmax(axis=1) == examples.labels).all()


def test_the_same_example_under_two_intents_is_shared_by_them() -> None:
    examples = world(3, 4)
    texts, vectors = [*examples.texts, examples.texts[0]], np.vstack([examples.vectors, examples.vectors[:1]])
    model = learnt(Examples(texts, vectors, np.append(examples.labels, 1)))
    (chances,) = model.judge(texts[:1], vectors[:1]).chances
    assert set(np.argsort(-chances)[:2]) == {0, 1}


def test_the_same_examples_teach_the_same_twice() -> None:
    examples = world(8, 10)
    one, other = learnt(examples), learnt(examples)
    assert same(*(model.judge(examples.texts, examples.vectors) for model in (one, other)))
    assert all(
        np.array_equal(getattr(one.scope, name), getattr(other.scope, name)) for name in vars(one.scope)
    )


def test_covariance_as_it_is_may_have_no_inverse() -> None:
    examples = world(6, 2)
    judged = learnt(examples, shrinkage=0.0).judge(examples.texts, examples.vectors)
    assert (judged.chances.argmax(axis=1) == examples.labels).all()


def test_whitening_brings_examples_of_one_intent_together() -> None:
    examples = world(6, 20, noise=0.0)
    loud = examples.vectors.copy()
    loud[:, -1] += np.random.RandomState(0).randn(len(loud)).astype(np.float32)  # means nothing
    white = Whitening.learn(loud, examples.labels, 0.1).apply(loud)
    plain = loud - loud.mean(axis=0)
    plain /= np.linalg.norm(plain, axis=1, keepdims=True)
    own = examples.labels[:, None] == examples.labels
    assert (white @ white.T)[own].mean() > (plain @ plain.T)[own].mean() + 0.2


def test_intents_of_one_example_leave_likeness_as_it_is() -> None:
    examples = world(5, 1)
    white = Whitening.learn(examples.vectors, examples.labels, 0.6).apply(examples.vectors)
    plain = examples.vectors - examples.vectors.mean(axis=0)
    plain /= np.linalg.norm(plain, axis=1, keepdims=True)
    assert np.allclose(white @ white.T, plain @ plain.T, atol=1e-4)


def test_a_name_is_said_as_people_would() -> None:
    assert spoken("faq_return_how") == "return how"
    assert spoken("Order-Status/2") == "order status 2"
    assert spoken("faq_") == ""


def test_what_was_stored_answers_to_the_last_digit_and_holds_no_code(tmp_path: Path) -> None:
    examples = world(8, 10)
    model = learnt(examples)
    storing.store(tmp_path, model, [*examples.texts[:-1], "é 😀 \ud83d"], "an encoder")
    kept, texts = storing.load(tmp_path, "an encoder")
    met = (["subject1 word9", ""], np.vstack([examples.vectors[:1] * 0.5, examples.vectors[-1:]]))
    one, other = model.judge(*met), kept.judge(*met)
    assert same(one, other)
    assert np.array_equal(model.scope.chances(one.signals), kept.scope.chances(other.signals))
    assert (kept.intents, texts[-1]) == (model.intents, "é 😀 \ud83d")
    assert {file.name for file in tmp_path.iterdir()} == {"model.npz", "examples.json"}
    with np.load(tmp_path / "model.npz", allow_pickle=False) as arrays:
        assert all(arrays[name].dtype != object for name in arrays)


def test_with_many_examples_the_kernel_counts_and_is_stored_too(tmp_path: Path) -> None:
    examples = world(4, 30)
    model = learnt(examples)
    assert len(model.regression.kernel.centres) == 4 * 30 + 4  # and the intents' names
    assert not len(learnt(examples, kernel_doubling=0.0).regression.kernel.centres)
    storing.store(tmp_path, model, examples.texts, "an encoder")
    kept, _ = storing.load(tmp_path, "an encoder")
    met = (["subject1 word9"], examples.vectors[:1] * 0.5)
    assert same(model.judge(*met), kept.judge(*met))
    for without in ("kernel_doubling", "density_worth", "density_doubling"):
        other = learnt(examples, **{without: 0.0}).judge(*met)
        assert not np.array_equal(model.judge(*met).chances, other.chances), without


def test_rehearsed_side_by_side_or_in_turn_it_learns_the_same() -> None:
    examples = world(20, 26)
    assert len(examples.texts) >= intent_model.SOME
    models, asked, known, side_by_side = [], [], intent_model.cores, intent_model.side_by_side
    intent_model.side_by_side = lambda *given: asked.append(given[-1]) or side_by_side(*given)
    try:
        for processes in (1, 2, 64):
            intent_model.cores = lambda processes=processes: processes
            models.append(learnt(examples))
    finally:
        intent_model.cores, intent_model.side_by_side = known, side_by_side
    assert asked == [1, 2, 2]
    one, other, _ = models
    assert one.scope is not USUAL
    right, inside = one.scope.chances(one.judge(examples.texts, examples.vectors).signals)
    assert np.median(right) > 0.9
    assert np.median(inside) > 0.9
    for name in vars(one.scope):
        assert np.array_equal(getattr(one.scope, name), getattr(other.scope, name)), name
    assert same(*(model.judge(["subject3 word9"], examples.vectors[:1]) for model in models[:2]))


def test_nearness_counts_the_more_the_more_examples_there_are() -> None:
    assert [doublings_for(FEW * times) for times in (0.1, 1, 2, 8, 100)] == [0, 0, 1, 3, 3]
    few, many = learnt(world(4, 20)).regression, learnt(world(4, 40)).regression
    assert not len(few.kernel.centres)
    assert (few.density.worth, many.density.worth) == (6.0, 9.0)


def test_a_damaged_file_is_said_to_be_one(tmp_path: Path) -> None:
    examples = world(3, 2)
    for damage in (b"", b"{}", b"[]", b'{"encoder": 1}', b"not json", b"PK\x03\x04 not a file"):
        storing.store(tmp_path, learnt(examples), examples.texts, "an encoder")
        for file in ("model.npz", "examples.json"):
            whole = (tmp_path / file).read_bytes()
            (tmp_path / file).write_bytes(damage)
            try:
                storing.load(tmp_path, "an encoder")
            except storing.Damaged as error:
                assert "train --force" in str(error)  # noqa: PT017 - there is no pytest here
            else:
                raise AssertionError(f"{file} was read: {damage!r}")
            (tmp_path / file).write_bytes(whole)
