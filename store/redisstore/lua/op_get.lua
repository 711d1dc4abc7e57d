return {redis.call('TIME'), redis.call('GET', B .. 'e:' .. ARGV[3])}
