local key, nonce, n = ARGV[3], ARGV[4], tonumber(ARGV[5])
local h = head(key)
if redis.call('GET', B .. 'o:' .. key) ~= nonce then return {'lost'} end
if not h.present then -- purged or swept: nobody shall wait for the lock, the next attempt least
  redis.call('DEL', B .. 'o:' .. key)
  return {'lost'}
end
obtain_room()
h.begun = n
rewrite(key, h)
local set = index_of(key)
for _, z in ipairs({'s:', 'z:'}) do
  if set and redis.call('ZSCORE', B .. z .. set, key) then redis.call('ZADD', B .. z .. set, str(n), key) end
end
redis.call('DEL', B .. 'o:' .. key)
return {'ok'}
