"""Risk: allow, review or block, with the rules that fired and their inputs."""
