"""Stories from opening to credit, played on the domain with the clock as an argument."""
