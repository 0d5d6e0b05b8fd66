"""Evaluations as evidence: suites, records, their statistics, and when two results agree. Pure."""
