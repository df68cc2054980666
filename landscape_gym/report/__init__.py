"""What a run has found, as one page that needs nothing else: ``landscape-gym report RUN...``."""
