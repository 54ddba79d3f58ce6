-- audit_time (BRIN) knows nothing of new blocks until a vacuum: until then every search by time reads all of them. A vacuum of
-- this table, from which nothing is ever removed, looks at each block once, whenever it comes; so it comes after each 50,000
-- rows, at most once a minute, instead of after each fifth of the table.
ALTER TABLE audit SET (autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 50000);
