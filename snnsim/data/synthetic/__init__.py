"""Recordings that are generated on this machine: spike trains, tasks and spoken digits."""
