"""One task that makes all calls of its map: as one Kubernetes Job, or in a pool where there is no cluster."""
