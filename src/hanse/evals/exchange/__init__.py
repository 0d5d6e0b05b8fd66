"""Evaluations as other programs write and read them: logs of harnesses, results on model pages, reports for people. Pure."""
