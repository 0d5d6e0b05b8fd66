"""Custody of private keys: files, tokens and key services that sign."""
