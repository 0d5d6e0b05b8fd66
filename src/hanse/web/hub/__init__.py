"""The Hugging Face Hub API, one file per concern."""
