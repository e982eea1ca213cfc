"""Where people submit job requests, runners fetch them, and published results are read."""
