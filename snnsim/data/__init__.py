"""Spike recordings: read, made, binned, split and handed out in batches."""
