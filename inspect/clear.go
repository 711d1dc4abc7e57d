package inspect

import (
	"context"
	"errors"
	"time"
)

// Selection says what Clear and Export act on: entries that have everything
// that it names. The zero Selection is refused by Clear, and is all live
// entries for Export.
type Selection struct {
	Key string `json:"key,omitempty"` // a key or the beginning of one, as for Entry; goes alone
	Filter
	// OlderThan selects entries that were made at least so long ago; 0: any age.
	OlderThan time.Duration `json:"-"`
	// Everything selects every entry that may be given up (policy "evict"); it
	// goes alone.
	Everything bool `json:"everything,omitempty"`
}

// Counts are how many live entries are, or would be, acted on.
type Counts struct {
	Entries int     `json:"entries"`
	Bytes   int64   `json:"bytes"`        // sealed values
	Cost    Seconds `json:"cost_seconds"` // what computing them took
}

// Preview counts what Clear would clear.
func (i *Inspector) Preview(ctx context.Context, s Selection) (Counts, error) {
	return Counts{}, errors.ErrUnsupported
}

// Clear makes the entries that s selects invisible to everybody and frees
// their room.
//
// A key, a function, a function's dataset, a dataset, a tag, and everything,
// are each one write, however many entries there are, and work that began
// before can not publish an old result afterwards. Other selections (a
// version, an age, combinations) clear key by key what is there: an execution
// under way whose key has no entry yet may publish afterwards. An error in the
// middle comes with the counts so far.
func (i *Inspector) Clear(ctx context.Context, s Selection) (Counts, error) {
	return Counts{}, errors.ErrUnsupported
}
