//go:build unix

package reprise_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/reprise-go/reprise"
	"github.com/reprise-go/reprise/store"
)

// slowLeaser is slow for stores with leases.
type slowLeaser struct {
	slow
	store.Leaser
	store.Watcher
}

func (s *slowLeaser) Acquire(ctx context.Context, k store.Key, o store.Owner, ttl time.Duration) (store.Grant, error) {
	return far(ctx, &s.slow, func() (store.Grant, error) { return s.Leaser.Acquire(ctx, k, o, ttl) })
}

func (s *slowLeaser) Publish(ctx context.Context, r *store.Record, m store.PutMode, o store.Owner, fence uint64) (store.Stamp, error) {
	return far(ctx, &s.slow, func() (store.Stamp, error) { return s.Leaser.Publish(ctx, r, m, o, fence) })
}

// course is a random play in several caches over one real store, in real time.
// Times are in milliseconds.
type course struct {
	Residency   reprise.Residency
	Serialize   []bool // of each cache's function
	There, Back []int  // how far each cache is from the store
	Takes       int
	Acts        []act
}

func drawCourse(t *rapid.T) *course {
	ways := []string{"", "", "", "Clear", "Set", "Func.ClearAll", "Func.ClearAll of one", "DeleteDataset", "InvalidateTag", "Cache.ClearAll"}
	c := &course{
		Residency: rapid.SampledFrom([]reprise.Residency{reprise.Hybrid, reprise.Transient}).Draw(t, "residency"),
		Takes:     rapid.IntRange(0, 40).Draw(t, "takes"),
	}
	for range rapid.IntRange(2, 3).Draw(t, "caches") {
		c.Serialize = append(c.Serialize, rapid.Bool().Draw(t, "serialize"))
		c.There = append(c.There, rapid.IntRange(0, 15).Draw(t, "there"))
		c.Back = append(c.Back, rapid.IntRange(0, 15).Draw(t, "back"))
	}
	for range rapid.IntRange(4, 16).Draw(t, "acts") {
		a := act{
			at:  rapid.IntRange(0, 100).Draw(t, "at"),
			by:  rapid.IntRange(0, len(c.There)-1).Draw(t, "by"),
			how: rapid.SampledFrom(ways).Draw(t, "how"),
		}
		if rapid.IntRange(0, 2).Draw(t, "late") == 0 { // what others cleared must be known by then
			a.how, a.at = "", a.at+100+int(playBound.Milliseconds())
		}
		c.Acts = append(c.Acts, a)
	}
	return c
}

// playBound is what a cache may lag behind the clear of another in these plays:
// promised are 50 ms.
const playBound = 400 * time.Millisecond

// perform plays over stores that are one, each opened for a cache of its own.
func (c *course) perform(t *testing.T, name string, drivers []store.Store) error {
	p := &play{t: t}
	fn := func(context.Context, int) (int64, error) {
		v := p.events.next()
		time.Sleep(time.Duration(c.Takes) * time.Millisecond) // the function's work
		return v, nil
	}
	for id := range c.There {
		p.handles = append(p.handles, c.handle(t, id, name, drivers[id], fn))
	}
	defer p.close()
	var all sync.WaitGroup
	for _, a := range c.Acts {
		all.Go(func() {
			time.Sleep(time.Duration(a.at) * time.Millisecond)
			if a.how == "" {
				p.call(p.handles[a.by])
				return
			}
			p.clear(p.handles[a.by], a.how)
			p.call(p.handles[a.by])
		})
	}
	all.Wait()
	return p.history.judge(playBound)
}

// handle is a cache of its own over a driver that others use too.
func (c *course) handle(t *testing.T, id int, name string, d store.Store, fn func(context.Context, int) (int64, error)) *handle {
	info, err := d.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s := &slowLeaser{
		slow{d, time.Duration(c.There[id]) * time.Millisecond, time.Duration(c.Back[id]) * time.Millisecond, info.Local},
		d.(store.Leaser), d.(store.Watcher),
	}
	cache, err := reprise.New(s, &reprise.Config{CoherenceInterval: quickCoherence})
	if err != nil {
		t.Fatal(err)
	}
	o := taggedOptions(name, clearCase{residency: c.Residency, serialize: c.Serialize[id]})
	return &handle{id, cache, wrap(t, cache, fn, o)}
}

// TestGuarantee18_NoOlderValueInSeveralCaches lets callers and clearers of
// two or three caches over one real store come at random, serialized or not,
// several plays at a time.
func TestGuarantee18_NoOlderValueInSeveralCaches(t *testing.T) {
	courses := rapid.Custom(drawCourse)
	onEveryStore(t, func(t *testing.T, url string) {
		const lanes = 4
		plays := torture(24, 400)
		var all sync.WaitGroup
		for lane := range lanes {
			drivers := []store.Store{driverAt(t, url), driverAt(t, url), driverAt(t, url)}
			all.Go(func() {
				for seed := lane; seed < plays && !t.Failed(); seed += lanes {
					c := courses.Example(seed)
					if err := c.perform(t, fmt.Sprint("play", seed), drivers); err != nil {
						t.Errorf("seed %d, %+v: %v", seed, c, err)
					}
				}
				for _, d := range drivers {
					if err := d.Close(); err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
	})
}
