-- Until when a password that the system made up is good for (ASVS 5.0, 6.4.1); null for one that its owner chose.
ALTER TABLE login ADD COLUMN initial_until_ms bigint;
