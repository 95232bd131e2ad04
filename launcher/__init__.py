"""Starts Pinbu on one machine: installs, brings up the servers, runs and watches every process."""
