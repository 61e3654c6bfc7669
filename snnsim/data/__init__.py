"""Spike recordings: data sets, files, binning, splits and batches."""
