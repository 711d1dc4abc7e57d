package engine

import (
	"slices"
	"testing"
)

func TestNamesAreDistinctAndStable(t *testing.T) {
	all := Outcomes()
	want := []Outcome{HitMemory, HitStore, HitStale, Joined, Waited, Populated, Refreshed,
		LookupFailed, PutFailed, Skipped, Bypassed, Failed}
	if !slices.Equal(all, want) {
		t.Errorf("outcomes %v, want %v", all, want)
	}
	seen := map[string]bool{Outcome(0).String(): true}
	for _, o := range all {
		if s := o.String(); s == "" || s == "invalid" || seen[s] {
			t.Errorf("outcome %d is called %q", o, s)
		}
		seen[o.String()] = true
		if o.Hit() != (o == HitMemory || o == HitStore || o == HitStale) {
			t.Errorf("%v: Hit() = %v", o, o.Hit())
		}
	}
	if Outcome(0).Hit() || Outcome(200).String() != "invalid" || Outcome(0).String() != "none" {
		t.Error("what is no outcome passes for one")
	}
	seen = map[string]bool{}
	for r := NoReason; r < reasons; r++ {
		if s := r.String(); s == "invalid" || seen[s] {
			t.Errorf("reason %d is called %q", r, s)
		}
		seen[r.String()] = true
	}
	if NoReason.String() != "" || Superseded.String() != "superseded" || NoRoom.String() != "no-room" || reasons.String() != "invalid" {
		t.Error("reasons are misnamed")
	}
	if NoTier.String() != "" || TierMemory.String() != "memory" || TierStore.String() != "store" {
		t.Error("tiers are misnamed")
	}
}
