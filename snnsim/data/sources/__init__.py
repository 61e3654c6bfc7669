"""Data of users: event files, pictures, frames, audio and data sets of tonic, read within limits."""
