"""What NIR can express: the encodings of delays."""

ENCODINGS = ("seq", "fan", "relay")
