"""Rasa without TensorFlow, for pipelines that do without it (docs/adr/0005).

``placeholders`` is what is imported in its place; ``choice`` says when the real one is loaded.
"""
