init(ARGV[3])
local t = redis.call('TIME')
return {redis.call('HGET', M .. 'm', 'id'), meta('seq'), t[1], t[2], redis.call('GET', M .. 'o') or ''}
