local e = redis.pcall('GET', B .. 'e:' .. ARGV[3])
if type(e) == 'table' then e = '' end -- of another type: damaged
return {redis.call('TIME'), e}
