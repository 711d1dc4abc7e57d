local limit, now = tonumber(ARGV[3]), millis()
local expired, hidden, bytes, more = 0, 0, 0, 0

local function free(keys)
  for _, key in ipairs(keys) do
    local _, size = index_of(key)
    drop(key, head(key))
    bytes = bytes + (size or 0)
  end
  if #keys == limit then more = 1 end
  return #keys
end

local gone = redis.call('ZRANGEBYSCORE', B .. 'd', '-inf', str(now), 'LIMIT', 0, limit)
for _, key in ipairs(gone) do redis.call('ZREM', B .. 'd', key) end
expired = free(gone)
for j = 4, #ARGV, 2 do
  for _, z in ipairs({'s:', 'z:'}) do
    local range = {'-inf', '(' .. ARGV[j + 1], 'LIMIT', 0, limit}
    local zset = B .. z .. ARGV[j]
    local keys = redis.call('ZRANGEBYSCORE', zset, unpack(range))
    hidden = hidden + free(keys)
    for _, key in ipairs(keys) do redis.call('ZREM', zset, key) end
  end
end
local idle = redis.call('ZRANGEBYSCORE', B .. 'w', '-inf', str(now), 'LIMIT', 0, limit)
for _, key in ipairs(idle) do
  redis.call('HDEL', B .. 'l', key)
  redis.call('ZREM', B .. 'w', key)
end
return {expired, hidden, bytes, more}
