local page = redis.call('HSCAN', B .. 'x', ARGV[3], 'COUNT', 500)
local lost, bytes, now = 0, 0, str(millis())
for i = 1, #page[2], 2 do
  local key = page[2][i]
  local dead = redis.call('ZSCORE', B .. 'd', key)
  if redis.call('EXISTS', B .. 'e:' .. key) == 0 and (not dead or tonumber(dead) > tonumber(now)) then
    lost = lost + 1
    bytes = bytes + (unindex(key) or 0)
  end
end
return {page[1], lost, bytes}
