"""What was said, in order; who watches; one-time codes; the queue of people. The transcript is the truth, sockets are windows."""
