-- What belongs to the entries of one shard, all in one hash slot.

local tombstone_ms = 7 * 24 * 3600 * 1000

local function index_of(key)
  local v = redis.call('HGET', B .. 'x', key)
  if v then return string.sub(v, 1, 16), tonumber(string.sub(v, 17)) or 0 end
end

-- unindex forgets key in the indexes and returns the size of its value.
local function unindex(key)
  local set, size = index_of(key)
  if not set then return nil end
  redis.call('ZREM', B .. 's:' .. set, key)
  redis.call('ZREM', B .. 'z:' .. set, key)
  redis.call('ZREM', B .. 't', key)
  redis.call('ZREM', B .. 'd', key)
  redis.call('HDEL', B .. 'x', key)
  redis.call('DECRBY', B .. 'n', str(size))
  return size
end

local function index(key, r)
  redis.call('ZADD', B .. 's:' .. r.set, str(r.begun), key)
  redis.call('HSET', B .. 'x', key, r.set .. str(r.size))
  redis.call('INCRBY', B .. 'n', str(r.size))
  if r.expires > 0 then
    redis.call('ZADD', B .. 't', str(r.expires), key)
    redis.call('ZADD', B .. 'd', str(r.dead), key)
  end
end

-- An entry is one string: a header of fixed length, labels, value. Its manifest
-- is a key of its own, for no hit needs it.
local header_format, header_length = '>I8I8I8I8I8I8I8BB', 58

local function entry(key) return B .. 'e:' .. key end

local function manifest(key) return B .. 'm:' .. key end

local function pack_head(h)
  return struct.pack(header_format, h.begun, h.created, h.expires, h.dead, h.fence, h.cleared, h.labels_length,
    h.policy, h.present and 1 or 0)
end

local absent = {begun = 0, created = 0, expires = 0, dead = 0, fence = 0, cleared = 0, labels_length = 0, policy = 0,
  present = false}

-- Numbers are below until the year 2255; what is above is damage.
local max_number = 2 ^ 53

-- head reads the header of an entry. A tombstone is not present, nor is what
-- makes no sense: it can be replaced.
local function head(key)
  local raw = redis.pcall('GETRANGE', entry(key), 0, header_length - 1)
  if type(raw) ~= 'string' or string.len(raw) < header_length then return absent end
  local h, present = {raw = raw}, 0
  h.begun, h.created, h.expires, h.dead, h.fence, h.cleared, h.labels_length, h.policy, present =
    struct.unpack(header_format, raw)
  if math.max(h.begun, h.created, h.expires, h.dead, h.cleared, h.labels_length) > max_number
    or math.max(h.policy, present) > 1 then return absent end
  h.present = present == 1
  return h
end

local function labels_of(key, h)
  if h.labels_length == 0 then return '' end
  return redis.call('GETRANGE', entry(key), header_length, header_length + h.labels_length - 1)
end

-- write puts a record in place of what was there. Its first write is the one
-- that may find no memory: then nothing has changed.
local function write(key, r)
  r.present, r.labels_length = true, string.len(r.labels)
  local value = pack_head(r) .. r.labels .. r.value
  if r.dead > 0 then
    redis.call('SET', entry(key), value, 'PXAT', str(r.dead))
    redis.call('SET', manifest(key), r.manifest, 'PXAT', str(r.dead))
  else
    redis.call('SET', entry(key), value)
    redis.call('SET', manifest(key), r.manifest)
  end
  unindex(key)
  index(key, r)
end

-- rewrite changes the header of an entry.
local function rewrite(key, h)
  redis.call('SETRANGE', entry(key), 0, pack_head(h))
  for _, k in ipairs({entry(key), manifest(key)}) do
    if h.dead > 0 then
      redis.call('PEXPIREAT', k, str(h.dead))
    else
      redis.call('PERSIST', k)
    end
  end
end

-- bury leaves a tombstone, with the labels last stored.
local function bury(key, cleared)
  local labels = labels_of(key, head(key))
  redis.call('DEL', entry(key), manifest(key))
  unindex(key)
  local h = {begun = 0, created = 0, expires = 0, dead = 0, fence = 0, cleared = cleared,
    labels_length = string.len(labels), policy = 0, present = false}
  redis.call('SET', entry(key), pack_head(h) .. labels, 'PX', str(tombstone_ms))
  return labels
end

-- drop frees an entry; its last clear stays known.
local function drop(key, h)
  if h.cleared > 0 then
    bury(key, h.cleared)
  else
    redis.call('DEL', entry(key), manifest(key))
    unindex(key)
  end
end

-- age takes entries that expired out of the indexes of those that count.
local function age(now)
  local keys = redis.call('ZRANGEBYSCORE', B .. 't', '-inf', str(now))
  for _, key in ipairs(keys) do
    local set = index_of(key)
    if set then
      local begun = redis.call('ZSCORE', B .. 's:' .. set, key)
      if begun then
        redis.call('ZREM', B .. 's:' .. set, key)
        redis.call('ZADD', B .. 'z:' .. set, begun, key)
      end
    end
    redis.call('ZREM', B .. 't', key)
  end
end

-- A change that needs a number while its entry lies in another slot holds a
-- lock of the entry meanwhile. It ends by itself where its owner died.
local lock_ms = 5000

local function locked(key, nonce)
  local by = redis.call('GET', B .. 'o:' .. key)
  return by and by ~= nonce
end

local function lock(key, nonce) redis.call('SET', B .. 'o:' .. key, nonce, 'PX', lock_ms) end

local function wake(key) redis.call('PUBLISH', M .. 'ev', '0:' .. key) end
