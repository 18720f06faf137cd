"""One machine's processes: started in order, kept running, all of them stopped."""
