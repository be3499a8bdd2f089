"""Scenarios: one YAML file scripts the bot of any backend, through the neutral acts."""
