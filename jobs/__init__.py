"""RQ only: queues, workers, the scheduler. A job says "look"; the database knows what is to do."""
