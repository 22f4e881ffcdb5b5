"""What each service is, and what both backends share: keys, state, health, ports."""
