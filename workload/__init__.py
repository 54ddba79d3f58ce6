"""The workload generator: course-format files, replayed through the system with the order of each user kept."""
