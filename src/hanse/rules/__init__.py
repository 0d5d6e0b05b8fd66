"""The ruleset that ships with Hanse: one TOML file per area, read by `hanse.flows.rulesets`."""
