local h = head(ARGV[3])
if not h.present then return {} end
return {h.raw, labels_of(ARGV[3], h)}
