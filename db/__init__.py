"""The database: schema and migrations, roles, named queries, pools, the audit dump and the invariant check."""
