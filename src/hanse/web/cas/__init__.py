"""The Xet content-addressed storage protocol."""
