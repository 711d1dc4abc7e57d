// Package ledger is the format of the savings ledger: what every process that
// uses a store notes there about its calls, so that somebody can say later
// what the cache has saved, and where it does not pay.
//
// A page is what one process did in one hour. It is an entry of the reserved
// execution store Name in Collection, and is written again with larger counts
// while the hour lasts: writing a page twice does no harm, and a process that
// dies loses what it did since it last wrote. Pages of past days are merged.
package ledger
