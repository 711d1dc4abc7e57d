// Package inspect looks into a store and acts on it: it lists what is there,
// explains entries and decodes their values, says what caching saves, clears,
// sweeps, verifies, exports and imports. The command line and the console are
// made of it. It knows the store's port and the formats of what reprise keeps
// there, and works over every driver.
//
// What is stored is anybody's: values, manifests, labels and bundles are read
// with bounds on size and depth, and bytes that make no sense are an error, or
// shown as bytes, and never a panic.
//
// Entries of reprise itself (collection "reprise", where the savings ledger
// is) are not listed, counted, cleared or exported. Usage says how much room
// they take.
//
// All structs marshal to JSON with names in snake_case, durations as seconds
// and sizes as bytes: what the command line prints with --json.
package inspect
