"""Evaluations: a suite run on a model, the record of it, and another's check of a record."""
