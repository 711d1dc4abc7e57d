local key, nonce, n = ARGV[3], ARGV[4], tonumber(ARGV[5])
if redis.call('GET', B .. 'o:' .. key) ~= nonce then return {'lost'} end
obtain_room()
bury(key, math.max(head(key).cleared, n))
redis.call('DEL', B .. 'o:' .. key)
return {'ok'}
