-- The keys of a store and their contents are specified in docs/redis.md.
-- M begins the names of the store's own keys, B those of one shard. Each
-- script is this file, the functions it needs, and its own few lines.

local M, B = ARGV[1], ARGV[2]

local function str(n) return string.format('%.0f', n) end

local function micros()
  local t = redis.call('TIME')
  return tonumber(t[1]) * 1000000 + tonumber(t[2])
end

local function millis() return math.floor(micros() / 1000) end

-- unpacked reads a table that cmsgpack packed; nil where it is damaged.
local function unpacked(packed)
  local ok, t = pcall(cmsgpack.unpack, packed)
  if ok and type(t) == 'table' then return t end
end

-- obtain_room makes a script exempt from maxmemory: Redis refuses memory to a
-- script only before its first write. For clears and leases, which must work
-- in a full store.
local function obtain_room() redis.call('DEL', KEYS[1] .. ':nothing') end
