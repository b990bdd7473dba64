"""Options. Every one has a default that works; ``load()`` reads the configuration."""
