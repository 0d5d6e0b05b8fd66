"""Speed, measured as ratios side by side in one run; `make bench` prints a table and keeps the figures."""
