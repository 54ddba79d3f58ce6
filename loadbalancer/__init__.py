"""The load balancer: a user always goes the same way, and no line is lost when a web server dies."""
