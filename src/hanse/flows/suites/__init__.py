"""Suites on disk: those that ship, those made from packages of others, folders with one, and what tokenizers cost."""
