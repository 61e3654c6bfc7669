"""Many trainings as one: sweeps over configs, folds over speakers and seeds, with results over all of them."""
