"""Files of event cameras and of published event data sets, read in pieces and converted to files of arrays."""
