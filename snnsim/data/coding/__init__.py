"""Codings: pictures, frames and audio as input of a network."""
