-- What belongs to the entries of one shard, all in one hash slot.

local tombstone_ms = 7 * 24 * 3600 * 1000

local function index_of(key)
  local v = redis.call('HGET', B .. 'x', key)
  if v then return string.sub(v, 1, 16), tonumber(string.sub(v, 17)) end
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
  redis.call('INCRBY', B .. 'n', str(-size))
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

-- head reads what the scripts need of an entry: begun, created, expires, dead,
-- fence, cleared, policy, and whether there is a record at all.
local function head(key)
  local h = redis.call('HGET', B .. 'e:' .. key, 'h')
  if not h then return {begun = 0, expires = 0, cleared = 0, present = false} end
  local f = {}
  for w in string.gmatch(h, '%S+') do f[#f + 1] = tonumber(w) end
  return {
    begun = f[1] or 0, created = f[2] or 0, expires = f[3] or 0, dead = f[4] or 0, fence = f[5] or 0,
    cleared = f[6] or 0, policy = f[7] or 0, present = f[8] == 1, raw = h,
  }
end

local function pack_head(r)
  local present = r.present and '1' or '0'
  return table.concat({str(r.begun), str(r.created), str(r.expires), str(r.dead), str(r.fence), str(r.cleared),
    str(r.policy), present}, ' ')
end

local function expire_at(key, dead)
  if dead > 0 then
    redis.call('PEXPIREAT', B .. 'e:' .. key, str(dead))
  else
    redis.call('PERSIST', B .. 'e:' .. key)
  end
end

-- write puts a record in place of what was there. Its first write is the one
-- that may find no memory: then nothing has changed.
local function write(key, r)
  r.present = true
  redis.call('HSET', B .. 'e:' .. key, 'v', r.value, 'h', pack_head(r), 'm', r.labels, 'd', r.manifest)
  expire_at(key, r.dead)
  unindex(key)
  index(key, r)
end

-- bury leaves a tombstone, with the labels last stored.
local function bury(key, cleared)
  local e = B .. 'e:' .. key
  local labels = redis.call('HGET', e, 'm') or ''
  redis.call('DEL', e)
  unindex(key)
  local h = {begun = 0, created = 0, expires = 0, dead = 0, fence = 0, cleared = cleared, policy = 0, present = false}
  redis.call('HSET', e, 'h', pack_head(h), 'm', labels)
  redis.call('PEXPIREAT', e, str(millis() + tombstone_ms))
  return labels
end

-- drop frees an entry; its last clear stays known.
local function drop(key, h)
  if h.cleared > 0 then
    bury(key, h.cleared)
  else
    redis.call('DEL', B .. 'e:' .. key)
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
