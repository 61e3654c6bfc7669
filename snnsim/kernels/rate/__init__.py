"""Recurrent networks of leaky rate units: loops over steps, forward and backward."""
