"""What the shipped suites are made of: one TOML file each, in own words, CC0; read by `hanse.flows.suites.shipped`."""
