import { createHash } from 'node:crypto';
import type { Script } from './redis-scripts.js';
import { BUCKET_MS, WINDOW_BUCKETS } from './sliding-window.js';

/** What nobody adds to has left the window by then. */
const KEPT_MS = (WINDOW_BUCKETS + 1) * BUCKET_MS;

const NOW = `
local function clock(given)
  if given ~= '' then return tonumber(given) end
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end`;

/**
 * One caller's request, with all its limits at once. Windows are hashes from bucket to count (see `SlidingWindow`), places a
 * sorted set of tickets by the end of their lease.
 * KEYS requests, tokens, places; ARGV now (empty: the server's clock), limits of requests, tokens and places (empty: none),
 * tokens, ticket, lease in ms. @returns words: outcome, wait in ms, bucket, requests, their reset, tokens, their reset
 */
export const TAKE = script(`${NOW}
local now = clock(ARGV[1])
local bucket = math.floor(now / ${BUCKET_MS})
local function window(key)
  local found = redis.call('HGETALL', key)
  local living, sum, last = {}, 0, nil
  for index = 1, #found, 2 do
    local at, count = tonumber(found[index]), tonumber(found[index + 1])
    if at <= bucket - ${WINDOW_BUCKETS} then
      redis.call('HDEL', key, found[index])
    elseif count > 0 then
      living[#living + 1] = { at = at, count = count }
      sum = sum + count
      if last == nil or at > last then last = at end
    end
  end
  return { living = living, sum = sum, last = last }
end
local function leaves(at) return (at + ${WINDOW_BUCKETS}) * ${BUCKET_MS} - now end
local function freed(of, amount)
  table.sort(of.living, function(first, second) return first.at < second.at end)
  local sum = 0
  for _, one in ipairs(of.living) do
    sum = sum + one.count
    if sum >= amount then return leaves(one.at) end
  end
  return leaves(bucket)
end
local refused, wait = nil, 0
local requests, tokens = nil, nil
local wanted = tonumber(ARGV[5])
if ARGV[4] ~= '' then
  redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', now)
  if redis.call('ZCARD', KEYS[3]) >= tonumber(ARGV[4]) then refused = 'parallel' end
end
if ARGV[2] ~= '' then
  requests = window(KEYS[1])
  local over = requests.sum + 1 - tonumber(ARGV[2])
  if over > 0 then
    refused = 'requests'
    wait = freed(requests, over)
  end
end
if ARGV[3] ~= '' then
  tokens = window(KEYS[2])
  local over = tokens.sum + wanted - tonumber(ARGV[3])
  if over > 0 then
    local until_free = freed(tokens, over)
    if refused ~= 'requests' or until_free > wait then
      refused = 'tokens'
      wait = until_free
    end
  end
end
local function add(key, of, amount)
  if amount > 0 then
    redis.call('HINCRBY', key, bucket, string.format('%.0f', amount))
    redis.call('PEXPIRE', key, ${KEPT_MS})
    of.sum = of.sum + amount
    of.last = bucket
  end
end
if refused == nil then
  if requests ~= nil then add(KEYS[1], requests, 1) end
  if tokens ~= nil then add(KEYS[2], tokens, wanted) end
  if ARGV[4] ~= '' then
    redis.call('ZADD', KEYS[3], now + tonumber(ARGV[7]), ARGV[6])
    redis.call('PEXPIRE', KEYS[3], ARGV[7])
  end
end
local function said(of)
  if of == nil then return '0 0' end
  return string.format('%.0f', of.sum) .. ' ' .. (of.last == nil and '0' or string.format('%.0f', leaves(of.last)))
end
return (refused or 'granted') .. ' ' .. string.format('%.0f', wait) .. ' ' .. string.format('%.0f', bucket) ..
  ' ' .. said(requests) .. ' ' .. said(tokens)`);

/**
 * The end of a request. What it did not use is given back to the second it was taken in, what it used besides is used now.
 * KEYS tokens, places; ARGV now, bucket, tokens taken (empty: not counted), tokens used, ticket.
 */
export const END = script(`${NOW}
redis.call('ZREM', KEYS[2], ARGV[5])
if ARGV[3] == '' then return 0 end
local bucket = math.floor(clock(ARGV[1]) / ${BUCKET_MS})
local difference = tonumber(ARGV[4]) - tonumber(ARGV[3])
if difference > 0 then
  redis.call('HINCRBY', KEYS[1], bucket, string.format('%.0f', difference))
  redis.call('PEXPIRE', KEYS[1], ${KEPT_MS})
elseif difference < 0 and bucket - tonumber(ARGV[2]) < ${WINDOW_BUCKETS} then
  local there = tonumber(redis.call('HGET', KEYS[1], ARGV[2]) or '0')
  if there > 0 then
    redis.call('HSET', KEYS[1], ARGV[2], string.format('%.0f', math.max(0, there + difference)))
  end
end
return 1`);

/** Holds places on. KEYS places; ARGV now, lease in ms, tickets. */
export const HOLD = script(`${NOW}
local ends = clock(ARGV[1]) + tonumber(ARGV[2])
for index = 3, #ARGV do redis.call('ZADD', KEYS[1], ends, ARGV[index]) end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1`);

function script(lua: string): Script {
  return { lua, sha: createHash('sha1').update(lua).digest('hex') };
}
