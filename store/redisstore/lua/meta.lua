-- What belongs to the store as a whole: number, generations, log of changes.

local max_log, max_labels = 65536, 262144

local function meta(field) return tonumber(redis.call('HGET', M .. 'm', field)) end

local function raise(field, n)
  if n > meta(field) then redis.call('HSET', M .. 'm', field, str(n)) end
end

-- init makes a store where there is none, or none any more. Its numbers begin
-- at the clock, so that they are above all of a store that was lost here.
local function init(id)
  if redis.call('EXISTS', M .. 'm') == 1 then return end
  local s = str(micros())
  redis.call('HSET', M .. 'm', 'v', 1, 'id', id, 'seq', s, 'floor', s, 'birth', s, 'lost', s)
end

local function number() return redis.call('HINCRBY', M .. 'm', 'seq', 1) end

-- generation is the number below which entries with these labels are hidden.
local function generation(labels)
  local g = meta('birth')
  for _, l in ipairs(labels) do
    local n = redis.call('HGET', M .. 'g', l)
    if n then g = math.max(g, tonumber(n)) end
  end
  return g
end

-- set_of returns the description and the labels of a set, if it is known.
local function set_of(set)
  local packed = redis.call('HGET', M .. 's', set)
  local s = packed and unpacked(packed)
  if s and type(s[1]) == 'string' and type(s[2]) == 'table' then return s[1], s[2] end
end

local function set_generation(set)
  local _, labels = set_of(set)
  return generation(labels or {})
end

-- register makes a set of labels known, and a shard occupied. It writes only
-- what is new.
local function register(set, desc, labels, shard)
  if redis.call('GETBIT', M .. 'o', shard) == 0 then redis.call('SETBIT', M .. 'o', shard, 1) end
  if redis.call('HEXISTS', M .. 'y', set) == 1 then redis.call('HDEL', M .. 'y', set) end
  if redis.call('HEXISTS', M .. 's', set) == 1 then return end
  redis.call('HSET', M .. 's', set, cmsgpack.pack({desc, labels}))
  for _, l in ipairs(labels) do redis.call('SADD', M .. 'n:' .. l, set) end
end

-- logged is what the log says of a key: number of its last clear, whether the
-- last change was one, labels. A record that is damaged may have told of a clear
-- just now.
local function logged(key)
  local packed = redis.call('HGET', M .. 'c', key)
  if not packed then return nil end
  local c = unpacked(packed)
  if c and type(c[1]) == 'number' and type(c[2]) == 'number' and type(c[3]) == 'string' then return c end
  return {meta('seq'), 1, ''}
end

-- admit tells whether an execution that began at begun may still be stored, as
-- far as it is known here.
local function admit(key, begun)
  local m = redis.call('HMGET', M .. 'm', 'seq', 'floor')
  if begun > tonumber(m[1]) or begun < tonumber(m[2]) then return false end
  local c = logged(key)
  return not c or begun >= c[1]
end

local function trim_log()
  while redis.call('ZCARD', M .. 'k') > max_log do
    local old = redis.call('ZPOPMIN', M .. 'k')
    raise('lost', tonumber(old[2]))
    local c = logged(old[1])
    if c then
      raise('floor', c[1])
      redis.call('HDEL', M .. 'c', old[1])
    end
  end
end

local function announce(n, key) redis.call('PUBLISH', M .. 'ev', str(n) .. ':' .. key) end

-- note logs that key changed at n. Empty labels stand for those last logged.
local function note(key, n, gone, labels)
  local cleared, old = 0, logged(key)
  if old then
    cleared = old[1]
    if labels == '' then labels = old[3] end
  end
  if gone then cleared = math.max(cleared, n) end
  redis.call('ZADD', M .. 'k', str(n), key)
  redis.call('HSET', M .. 'c', key, cmsgpack.pack({cleared, gone and 1 or 0, labels}))
  trim_log()
  announce(n, key)
end

-- trim_labels forgets the oldest bumps of too many, and with them every entry
-- that began before: nothing hidden ever shows again.
local function trim_labels()
  if redis.call('ZCARD', M .. 'b') <= max_labels then return end
  local old = redis.call('ZPOPMIN', M .. 'b', 1024)
  for i = 1, #old, 2 do redis.call('HDEL', M .. 'g', old[i]) end
  local n = tonumber(old[#old])
  raise('birth', n)
  raise('floor', n)
  raise('lost', n)
end
