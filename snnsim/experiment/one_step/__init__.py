"""One time step: conversion of a convolutional network, and training from five steps down to one, over seeds."""

from snnsim.experiment.one_step.running import reproduce
from snnsim.experiment.one_step.settings import BUDGETS, Budget

__all__ = ["BUDGETS", "Budget", "reproduce"]
