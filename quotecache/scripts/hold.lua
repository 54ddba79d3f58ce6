-- Renews the locks we hold, and puts back those that a restart or FLUSHALL took away. One that is somebody else's stays so.
--
-- KEYS: era, pause, then the lock key of each symbol. ARGV: our token, life of a lock in ms, length of a pause in ms.
if redis.call('SET', KEYS[1], '1', 'NX') then
    redis.call('SET', KEYS[2], '1', 'PX', ARGV[3])
end
for i = 3, #KEYS do
    local owner = redis.call('GET', KEYS[i])
    if not owner or owner == ARGV[1] then
        redis.call('SET', KEYS[i], ARGV[1], 'PX', ARGV[2])
    end
end
