local t = redis.call('TIME')
return {t, redis.call('HMGET', B .. 'e:' .. ARGV[3], 'h', 'm', 'v')}
