package storetest_test

import (
	"github.com/reprise-go/reprise/store"
	"github.com/reprise-go/reprise/store/memstore"
)

// sound is the name of the store that is not broken.
const sound = "is sound"

// mutant is a way to break the contract, and checks that must notice.
type mutant struct {
	name     string
	wrap     func(*memstore.Store) store.Store
	caughtBy []string
}

const theModel = "model/random histories agree with the contract"

var mutants = []mutant{
	{"ignores Begun", func(s *memstore.Store) store.Store { return &ignoresBegun{s} }, []string{
		"key clears/a clear refuses work that began before",
		"generations/work that began before stays hidden",
		"put modes/a publish older than the record is refused",
		"concurrency/a clear is never undone",
		"concurrency/a bump is never undone",
		theModel,
	}},
	{"forgets clears", func(s *memstore.Store) store.Store { return &forgetsClears{s} }, []string{
		"key clears/a clear refuses work that began before",
		"key clears/a clear of nothing still counts",
		theModel,
	}},
	{"forgets clears when it sweeps", func(s *memstore.Store) store.Store { return &sweepForgets{Store: s} }, []string{
		"key clears/a clear outlives sweep and purge",
		theModel,
	}},
	{"believes the future", func(s *memstore.Store) store.Store { return &believesFuture{s} }, []string{
		"generations/a record from the future is refused",
	}},
	{"says nothing of refusals", func(s *memstore.Store) store.Store { return &silentRefusals{s} }, []string{
		"key clears/a clear refuses work that began before",
		"put modes/a publish older than the record is refused",
		theModel,
	}},
	{"forgets the grace", func(s *memstore.Store) store.Store { return &noGrace{s} }, []string{
		"expiry/within its grace Get still returns it",
		theModel,
	}},
	{"prolongs what is read", func(s *memstore.Store) store.Store { return &readsProlong{s} }, []string{
		"expiry/reading does not prolong it",
	}},
	{"joins labels without a frame", func(s *memstore.Store) store.Store { return &unframed{s} }, []string{
		"hostile bytes/neighbouring labels are not joined",
	}},
	{"cuts labels at NUL", func(s *memstore.Store) store.Store { return &cutsAtNUL{s} }, []string{
		"hostile bytes/any bytes make a label",
	}},
	{"clears persistent entries with all", func(s *memstore.Store) store.Store { return &allTakesPersist{s} }, []string{
		"generations/a bump of all spares persistent entries",
		theModel,
	}},
	{"hands out its own memory", func(s *memstore.Store) store.Store { return &sharesMemory{Store: s} }, []string{
		"get and put/memory is not shared",
	}},
	{"keeps a set quiet", func(s *memstore.Store) store.Store { return &quietSets{s} }, []string{
		"put modes/a set takes a number and begins then",
		"put modes/a set is told",
		theModel,
	}},
	{"keeps key changes quiet", func(s *memstore.Store) store.Store { return &quietKeys{s} }, []string{
		"key clears/a clear is told with its labels",
		"put modes/a refresh is told and keeps its beginning",
		"update/an update is told",
		theModel,
	}},
	{"keeps bumps quiet", func(s *memstore.Store) store.Store { return &quietLabels{s} }, []string{
		"generations/changes tell labels",
		theModel,
	}},
	{"counts the dead", func(s *memstore.Store) store.Store { return &countsDead{s} }, []string{
		"count/counts live entries only unless all are asked for",
		theModel,
	}},
	{"pages by position", func(s *memstore.Store) store.Store { return &pagesByOffset{s} }, []string{
		"paging/entries that come and go do not disturb the others",
	}},
	{"clears where it purges", func(s *memstore.Store) store.Store { return &purgeClears{s} }, []string{
		"purge/is no clear",
	}},
	{"sweeps what is in its grace", func(s *memstore.Store) store.Store { return &greedySweep{s} }, []string{
		"sweep/spares what somebody can see",
		theModel,
	}},
	{"evicts at random", func(s *memstore.Store) store.Store { return &costless{s} }, []string{
		"quota/what costs least to compute leaves first",
	}},
	{"grants a lease to everybody", func(s *memstore.Store) store.Store { return &generous{s} }, []string{
		"leases/one owner at a time",
		"leases/of many racers one wins",
	}},
	{"renews what is lost", func(s *memstore.Store) store.Store { return &renewsLost{s} }, []string{
		"leases/a lost lease cannot be renewed",
		"leases/an expired lease is taken over with a higher fence",
	}},
	{"publishes without a lease", func(s *memstore.Store) store.Store { return &publishesAll{s} }, []string{
		"publishing under a lease/is refused without the lease",
		"publishing under a lease/is refused after the end",
	}},
	{"ignores cool-downs", func(s *memstore.Store) store.Store { return &noCooldown{s} }, []string{
		"leases/a cool-down keeps everybody out",
	}},
	{"loses notifications", func(s *memstore.Store) store.Store { return &deaf{s} }, []string{
		"watch/tells that the sequence moved",
		"watch/tells that a lease is free",
	}},
	{"never closes", func(s *memstore.Store) store.Store { return &neverCloses{s} }, []string{
		"close/afterwards every method says so",
	}},
	{"ignores its context", func(s *memstore.Store) store.Store { return &stubborn{s} }, []string{
		"cancellation/a cancelled context ends every method",
	}},
}
