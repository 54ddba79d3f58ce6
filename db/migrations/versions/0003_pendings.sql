-- Pendings as plain text: every command of a user writes them, and only the invariant check and a starting shard look into
-- them here. As jsonb each write parsed them and stored twice their length.
ALTER TABLE account ALTER COLUMN buys TYPE text, ALTER COLUMN sells TYPE text;
-- A row is written again by each of its user's batches: compressing one, or moving a part of it elsewhere, never pays before
-- it would not fit into a page.
ALTER TABLE account SET (toast_tuple_target = 8160);
