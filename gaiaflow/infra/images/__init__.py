"""Docker: the engine, a build and its context, registries, pushing."""
