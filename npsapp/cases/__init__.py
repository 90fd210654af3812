"""Closing the loop: one unhappy customer, an owner, a clock, a script and an outcome."""
