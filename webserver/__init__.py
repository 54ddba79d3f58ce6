"""The web servers: lines from load balancers, validated, routed to the transaction shard that owns the user."""
