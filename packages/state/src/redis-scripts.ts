import { createHash } from 'node:crypto';

export interface Script {
  readonly lua: string;
  readonly sha: string;
}

/** How many changes can be missed by a connection that broke before everything known is read again. */
const LOG_LENGTH = 1_000;
/** What nobody uses any more goes by itself. */
const FORGOTTEN_MS = 7 * 86_400_000;

/**
 * The next number of the one sequence for versions and fences: the server's clock in microseconds, or one more than the last
 * where that clock stands or was set back. So it grows on also where the server lost all it knew.
 */
const NEXT = `
local function next_number(key)
  local time = redis.call('TIME')
  local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
  local last = tonumber(redis.call('GET', key) or '0')
  if now <= last then now = last + 1 end
  local text = string.format('%.0f', now)
  redis.call('SET', key, text, 'PX', ${FORGOTTEN_MS})
  return text
end`;

/** KEYS counter; ARGV amount, window in ms. @returns the sum as text */
export const ADD = script(`
local sum = redis.call('INCRBYFLOAT', KEYS[1], ARGV[1])
if redis.call('PTTL', KEYS[1]) < 0 then
  local time = redis.call('TIME')
  local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
  local window = tonumber(ARGV[2])
  redis.call('PEXPIREAT', KEYS[1], string.format('%.0f', math.ceil((math.floor(now / window) + 1) * window)))
end
return sum`);

/** KEYS record, sequence, log; ARGV version, value, length of life in ms, name. @returns the new version as text, or nil */
export const COMPARE_AND_SWAP = script(`${NEXT}
if (redis.call('HGET', KEYS[1], 'version') or '0') ~= ARGV[1] then return false end
local version = next_number(KEYS[2])
redis.call('HSET', KEYS[1], 'version', version, 'value', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
redis.call('XADD', KEYS[3], 'MAXLEN', '~', ${LOG_LENGTH}, '*', 'name', ARGV[4], 'version', version, 'value', ARGV[2], 'life', ARGV[3])
redis.call('PEXPIRE', KEYS[3], ${FORGOTTEN_MS})
return version`);

/** KEYS lease, sequence; ARGV length in ms. @returns the fence as text, or nil */
export const ACQUIRE = script(`${NEXT}
if redis.call('EXISTS', KEYS[1]) == 1 then return false end
local fence = next_number(KEYS[2])
redis.call('SET', KEYS[1], fence, 'PX', ARGV[1])
return fence`);

/** KEYS lease; ARGV fence. */
export const RELEASE = script(`
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0`);

/** KEYS lease; ARGV fence, length in ms. @returns 1 where it was still held */
export const RENEW = script(`
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return 0`);

function script(lua: string): Script {
  return { lua, sha: createHash('sha1').update(lua).digest('hex') };
}
