"""Deterministic simulation: one seed drives the clock, the order of what is done, and every fault."""
