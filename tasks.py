"""Gathers the lifecycle modules into Invoke's namespace."""

from gaiaflow.lifecycle.namespace import namespace

ns = namespace()
