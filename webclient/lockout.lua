-- One attempt to prove who one is, counted as a failure before it is made: of many at once, no more get through than one by one.
-- KEYS: bucket of the address's log-ins, then one or more counts of failures
-- ARGV: microseconds an attempt, attempts at once, how long a count is remembered (ms), longest wait (ms);
--       then for each count: failures that are free, wait after the first that is not (ms)
-- Answers {wait for the bucket (microseconds), wait for the counts (ms)}; 0, 0 for an attempt that may be made.
local time = redis.call('TIME')
local now_us = tonumber(time[1]) * 1000000 + tonumber(time[2])
local now = math.floor(now_us / 1000)

local locked = 0
for i = 2, #KEYS do
    local until_ms = tonumber(redis.call('HGET', KEYS[i], 'until') or 0)
    locked = math.max(locked, until_ms - now)
end
if locked > 0 then
    return {0, locked}
end

local each_us = tonumber(ARGV[1])
local full = math.max(tonumber(redis.call('GET', KEYS[1]) or 0), now_us) + each_us
local over = full - now_us - each_us * tonumber(ARGV[2])
if over > 0 then
    return {math.ceil(over), 0}
end
redis.call('SET', KEYS[1], string.format('%.0f', full), 'PX', math.ceil((full - now_us) / 1000))

for i = 2, #KEYS do
    local beyond = redis.call('HINCRBY', KEYS[i], 'count', 1) - tonumber(ARGV[2 * i + 1])
    if beyond > 0 then
        local wait = math.min(tonumber(ARGV[2 * i + 2]) * 2 ^ (beyond - 1), tonumber(ARGV[4]))
        redis.call('HSET', KEYS[i], 'until', string.format('%.0f', now + wait))
    end
    redis.call('PEXPIRE', KEYS[i], ARGV[3])
end
return {0, 0}
