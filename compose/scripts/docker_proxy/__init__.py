"""The Docker socket proxy: lets through what dev_docker needs for the containers of its tasks; stdlib only."""
