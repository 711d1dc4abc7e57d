-- Leases of one shard. They have no expiry of Redis, so that no eviction
-- policy for keys that expire can take them: the sweep does.

local free, held, cooling = 0, 1, 2
local remember_ms = 600000

local function lease_of(key)
  local packed = redis.call('HGET', B .. 'l', key)
  local l = packed and unpacked(packed)
  if l and type(l.state) == 'number' and type(l.fence) == 'number' and type(l.ends) == 'number' then return l end
  return {state = free, owner = '', fence = 0, ends = 0, powner = '', pfence = 0}
end

local function save_lease(key, l, now)
  redis.call('HSET', B .. 'l', key, cmsgpack.pack(l))
  redis.call('ZADD', B .. 'w', str(math.max(l.ends, now + remember_ms)), key)
end

local function running(l, now) return l.state ~= free and now < l.ends end

local function holds(l, owner, fence, now)
  return l.state == held and running(l, now) and l.owner == owner and l.fence == fence
end

-- next_fence is above all fences of the shard, and where the shard was lost,
-- above those before by the clock.
local function next_fence()
  local f = math.max(tonumber(redis.call('GET', B .. 'f') or '0') + 1, micros())
  redis.call('SET', B .. 'f', str(f))
  return f
end
