"""What makes a backend misbehave or play a part, as people write it in YAML or JSON."""
