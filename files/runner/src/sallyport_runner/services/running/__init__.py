"""Jobs while they run: the queue, the run loop, the container engine."""
