-- Stores quotes, gives up our locks, tells everybody. A quote never replaces a newer one, a lock of somebody else stays.
--
-- KEYS: quote key and lock key of each symbol.
-- ARGV: our token, channel, message, then for each symbol: the quote as JSON ('' to give up the lock only) and the ms for
--       which it may be kept.
-- An empty message is not sent.
local function newer(one, other)
    return one.time_ms > other.time_ms or (one.time_ms == other.time_ms and one.key > other.key)
end

for i = 1, #KEYS, 2 do
    local quote, keep_ms = ARGV[i + 3], tonumber(ARGV[i + 4])
    if quote ~= '' and keep_ms > 0 then
        local stored = redis.call('GET', KEYS[i])
        if not stored or newer(cjson.decode(quote), cjson.decode(stored)) then
            redis.call('SET', KEYS[i], quote, 'PX', keep_ms)
        end
    end
    if redis.call('GET', KEYS[i + 1]) == ARGV[1] then
        redis.call('DEL', KEYS[i + 1])
    end
end
if ARGV[3] ~= '' then
    redis.call('PUBLISH', ARGV[2], ARGV[3])
end
