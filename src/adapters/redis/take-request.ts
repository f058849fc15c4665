/**
 * A rate is kept as in PostgreSQL (adapters/postgres/limit-rates.ts): how many requests came in each slice of its time.
 * A slice counts until the time is over for the youngest request in it, so never more are let through in any stretch
 * of that time; and a key holds some fifty small numbers, however many requests there are.
 */
export const SLICES = 50;

/**
 * The hash of a key has a field for each slice, named by its number since 1970, and `locked`, until when all are
 * refused (ms). By the clock of Redis: one for all processes. Slices of the future are there when that was set back,
 * and are taken for the present one: else they would count until it has caught up.
 *
 * Answers whether the request is let through (1 or 0), how many are left, after how many milliseconds there may be
 * more, and after how many all are there again.
 */
export const TAKE_REQUEST = `
local records, slice, lock = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local counted = ${SLICES} + 1
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local current = math.floor(now / slice)

local used, oldest, newest, ahead, locked = 0, current, nil, 0, 0
local over = {}
local fields = redis.call('HGETALL', KEYS[1])
for i = 1, #fields, 2 do
  local number = tonumber(fields[i + 1])
  if fields[i] == 'locked' then
    locked = math.max(0, number - now)
  else
    local at = tonumber(fields[i])
    if at <= current - counted then
      over[#over + 1] = fields[i]
    else
      if at > current then
        over[#over + 1] = fields[i]
        ahead = ahead + number
        at = current
      end
      used = used + number
      oldest = math.min(oldest, at)
      newest = math.max(newest or at, at)
    end
  end
end
if #over > 0 then redis.call('HDEL', KEYS[1], unpack(over)) end

local given = 0
if locked == 0 and used < records then given = 1 end
if given == 0 and locked == 0 and lock > 0 then
  locked = lock
  redis.call('HSET', KEYS[1], 'locked', now + lock)
end
if given + ahead > 0 then
  redis.call('HINCRBY', KEYS[1], string.format('%.0f', current), given + ahead)
  newest = current
end
redis.call('PEXPIRE', KEYS[1], math.ceil(math.max(locked, counted * slice)))

local left, wait, reset = records - used - given, 0, 0
if newest then reset = (newest + counted) * slice - now end
if locked > 0 or left < 0 then left = 0 end
if given == 0 then
  wait = locked
  if wait == 0 then wait = (oldest + counted) * slice - now end
end
return { given, left, math.ceil(wait), math.ceil(reset) }
`;
