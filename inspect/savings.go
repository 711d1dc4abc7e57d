package inspect

import (
	"context"
	"errors"
	"time"
)

// Line is what the savings ledger says of calls.
type Line struct {
	Calls    uint64            `json:"calls"`
	Hits     uint64            `json:"hits"`     // answered from memory or store
	Shared   uint64            `json:"shared"`   // that shared an execution under way, here or elsewhere
	Runs     uint64            `json:"runs"`     // executions of the function
	Failed   uint64            `json:"failed"`   // ended in an error
	Errors   uint64            `json:"errors"`   // for which the store failed
	HitRate  float64           `json:"hit_rate"` // hits and shared, of calls; 0 where there were none
	Saved    Seconds           `json:"saved_seconds"`
	Spent    Seconds           `json:"spent_seconds"` // in the function
	Stored   int64             `json:"stored"`        // bytes put into the store
	Outcomes map[string]uint64 `json:"outcomes,omitempty"`
	Reasons  map[string]uint64 `json:"reasons,omitempty"`
}

// Period is a Line of an hour, or of a day where that is more than a week ago.
type Period struct {
	Start time.Time `json:"start"` // UTC, in the store's clock
	Span  Seconds   `json:"span_seconds"`
	Line
}

// FunctionSavings are a function's.
type FunctionSavings struct {
	Collection string `json:"collection"`
	Name       string `json:"name"`
	Line
	// Verdict names a function whose caching costs more than it saves: why it
	// does not pay. Empty: it pays, or there are too few calls to tell.
	Verdict string   `json:"verdict,omitempty"`
	Periods []Period `json:"periods,omitempty"`
}

// Savings are what the cache has saved all who use the store, as far as they
// have written it down: each does so about once a minute and when it ends.
type Savings struct {
	Since     time.Time         `json:"since"`
	Until     time.Time         `json:"until"` // the store's clock
	Total     Line              `json:"total"`
	Functions []FunctionSavings `json:"functions"` // by what they save, most first
	Periods   []Period          `json:"periods"`   // over all functions, oldest first
}

// Savings reads the ledger from the hour, or day, in which since lies. The zero
// time is everything: the last 90 days.
func (i *Inspector) Savings(ctx context.Context, since time.Time) (Savings, error) {
	return Savings{}, errors.ErrUnsupported
}
