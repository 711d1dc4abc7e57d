init(ARGV[3])
local m = redis.call('HMGET', M .. 'm', 'v', 'id', 'seq', 'birth')
return {m[1], m[2], tonumber(m[3]), tonumber(m[4])}
