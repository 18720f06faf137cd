"""What the NLU's settings are chosen by: cross-validation on training files (``make choose``)."""
