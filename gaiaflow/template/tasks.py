"""What `inv` offers in this project; `inv --list` shows it."""

from gaiaflow.lifecycle.namespace import namespace

ns = namespace()
