"""What Hugging Face clients meet in front of verified bytes: the reading half of the Hub API, over a `Source`."""
