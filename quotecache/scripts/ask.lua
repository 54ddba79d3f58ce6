-- For each symbol: its quote, or who fetches it. All symbols in one call, so nobody comes between look and lock.
--
-- KEYS: era, pause, then quote key and lock key of each symbol.
-- ARGV: our token, life of a lock in ms, our clock in ms, life of a quote in ms, length of a pause in ms,
--       '1' when we have been here before.
-- Answers for each symbol: the quote as it was stored; 1 when the lock is ours now; 0 when somebody else is fetching;
-- -1 during a pause, when nobody seems to.
--
-- The era key is missing after a restart or FLUSHALL, and with it the locks of those who are still fetching. Who notices
-- starts a pause, in which nobody wins a lock and the holders put theirs back (hold.lua). A newcomer starts none: on an
-- empty new system there is nobody to wait for.
local token, lock_ms, now_ms, life_ms = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])

if redis.call('SET', KEYS[1], '1', 'NX') and ARGV[6] == '1' then
    redis.call('SET', KEYS[2], '1', 'PX', ARGV[5])
end
local paused = redis.call('EXISTS', KEYS[2]) == 1

local answers = {}
for i = 3, #KEYS, 2 do
    local quote = redis.call('GET', KEYS[i])
    local answer = 0
    if quote and now_ms - cjson.decode(quote).time_ms <= life_ms then
        answer = quote
    else
        local owner = redis.call('GET', KEYS[i + 1])
        if owner == token then
            answer = 1 -- an earlier answer to us was lost
        elseif not owner and paused then
            answer = -1
        elseif not owner then
            redis.call('SET', KEYS[i + 1], token, 'PX', lock_ms)
            answer = 1
        end
    end
    answers[#answers + 1] = answer
end
return answers
