"""Tools judged by labelled corpora: scanners and scorers, with records that others can check."""
