// Package envelope seals a payload for a store, so that what comes back is
// exactly what was written under that key, or an error that says why not.
//
// A sealed record carries the codec's name, the key it was written under, the
// lengths, and a SHA-256 over all of it; with a MAC key also a signature. Open
// checks all of that before it decodes anything:
//
//   - a record that was cut, extended or changed in any bit is refused;
//   - a record that was moved to another key is refused;
//   - with a MAC key, a record from a writer without that key is refused;
//   - no length that a record claims makes Open allocate: memory grows with
//     the data that is really there, and never past Options.MaxSize.
//
// The checksum guards against accidents, not against people: whoever can write
// to the store can compute a SHA-256. Where writers are not all trusted, set
// Options.MAC. Nothing here is encrypted.
//
// docs/envelope.md specifies the bytes. A Sealer is safe for concurrent use,
// starts no goroutine and needs no Close.
package envelope
