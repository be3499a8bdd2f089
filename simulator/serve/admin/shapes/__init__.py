"""What control calls take and give, as models: they check what comes, and describe both for OpenAPI."""
