-- name: durability
-- What decides whether a commit outlives a crash, as (setting, value).
SELECT name, setting
FROM pg_settings
WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit')
ORDER BY name;
