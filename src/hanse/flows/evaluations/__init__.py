"""What nodes and readers do with evaluations: facts for policies, lists for people, and the queue of jobs."""
