"""What NIR can express: the encodings of delays, and the models of neurons that fire."""

ENCODINGS = ("seq", "fan", "relay")
NIR_MODELS = ["lif_hard", "cuba_lif_hard"]
