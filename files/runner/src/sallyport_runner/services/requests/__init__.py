"""From the job server's request list to jobs, and back: what is posted about them."""
