"""Speech as spikes: a synthesizer of spoken digits, audio files, and the inner-ear model that encodes both."""
