-- One visit: does the address still have a request left, whose session is it, does that user have one left? All in one round trip.
-- KEYS: session ("" for none), bucket of the address
-- ARGV: now (ms), idle limit (ms), after how long the copy is renewed (ms),
--       address: microseconds a request, requests at once; user: the same two; prefix of a user's bucket
-- Answers {wait of the address, user or "", role, end, copy is due, wait of the user}; waits in microseconds, 0 for none.
local time = redis.call('TIME')
local now_us = tonumber(time[1]) * 1000000 + tonumber(time[2])

-- The generic cell rate algorithm: a bucket is the one time at which it is full again.
local function wait(bucket, each_us, burst)
    local full = math.max(tonumber(redis.call('GET', bucket) or 0), now_us) + each_us
    local over = full - now_us - each_us * burst
    if over > 0 then
        return math.ceil(over)
    end
    redis.call('SET', bucket, string.format('%.0f', full), 'PX', math.ceil((full - now_us) / 1000))
    return 0
end

local address_wait = wait(KEYS[2], tonumber(ARGV[4]), tonumber(ARGV[5]))
if address_wait > 0 or KEYS[1] == '' then
    return {address_wait, '', '', 0, 0, 0}
end
local session = redis.call('HMGET', KEYS[1], 'user', 'role', 'end', 'copied')
local now = tonumber(ARGV[1])
-- The key's own life ends an idle session; should the two clocks disagree, the time of the copy, which is behind, does.
local idle = tonumber(ARGV[2]) + tonumber(ARGV[3])
if not session[1] or tonumber(session[3]) <= now or now - tonumber(session[4]) >= idle then
    return {0, '', '', 0, 0, 0}
end
local user_wait = wait(ARGV[8] .. session[1], tonumber(ARGV[6]), tonumber(ARGV[7]))
redis.call('PEXPIRE', KEYS[1], math.min(tonumber(ARGV[2]), tonumber(session[3]) - now))
local due = 0
if now - tonumber(session[4]) >= tonumber(ARGV[3]) then
    redis.call('HSET', KEYS[1], 'copied', ARGV[1])
    due = 1
end
return {0, session[1], session[2], tonumber(session[3]), due, user_wait}
