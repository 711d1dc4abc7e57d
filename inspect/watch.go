package inspect

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/reprise-go/reprise/store"
)

// EventKind says what happened.
type EventKind string

// The kinds of events.
const (
	Stored    EventKind = "stored"    // a result was published, or a lease given up
	Changed   EventKind = "changed"   // an entry was set, refreshed or updated
	Cleared   EventKind = "cleared"   // an entry was cleared
	Bumped    EventKind = "bumped"    // everything with a label was cleared
	Forgotten EventKind = "forgotten" // more happened than the store remembers
)

// Event is something that happened to a store.
type Event struct {
	Kind       EventKind `json:"kind"`
	Time       time.Time `json:"time"` // when it was noticed, by this machine's clock
	Seq        uint64    `json:"seq,omitempty"`
	Key        string    `json:"key,omitempty"`
	Label      string    `json:"label,omitempty"` // of Bumped: "all", "function", "function-dataset", "dataset", "tag"
	EntryKind  string    `json:"entry_kind,omitempty"`
	Collection string    `json:"collection,omitempty"`
	Function   string    `json:"function,omitempty"`
	Dataset    string    `json:"dataset,omitempty"`
	Tag        string    `json:"tag,omitempty"`
	Entry      string    `json:"entry,omitempty"`
	Size       int64     `json:"size,omitempty"`         // of Stored and Changed
	Cost       Seconds   `json:"cost_seconds,omitempty"` // of Stored and Changed
}

const (
	// watchEvery is how often a store that does not push is asked, and how long
	// after a watch broke it is tried again.
	watchEvery = time.Second
	// watchQueue is how many keys may wait to be looked at; later ones are
	// folded away.
	watchQueue = 1024
)

// Watch calls f for what happens to the store, by anyone, until ctx ends, whose
// error it returns; one call at a time. Where the store cannot push, it asks
// every second and does not see plain results being stored. What happens
// faster than f returns may be folded together. A store that fails is asked
// again, and again.
func (i *Inspector) Watch(ctx context.Context, f func(Event)) error {
	info, err := i.store.Info(ctx)
	if err != nil {
		return wrap("watch", err)
	}
	w := &watch{Inspector: i, tell: f, seen: info.Seq, moved: make(chan struct{}, 1), keys: make(chan store.Key, watchQueue)}
	pushing := make(chan struct{})
	ctx, cancel := context.WithCancel(ctx)
	defer func() { cancel(); <-pushing }()
	go func() {
		defer close(pushing)
		w.push(ctx)
	}()
	return wrap("watch", w.run(ctx))
}

// watch is a Watch under way.
type watch struct {
	*Inspector
	tell  func(Event)
	seen  uint64        // told up to this number
	moved chan struct{} // the number may have moved
	keys  chan store.Key
}

// push passes on what the store pushes, for as long as it can.
func (w *watch) push(ctx context.Context) {
	pusher, ok := w.store.(store.Watcher)
	if !ok {
		return
	}
	for ctx.Err() == nil {
		err := pusher.Watch(ctx, w.move, w.heard)
		if errors.Is(err, store.ErrNoWatch) || ctx.Err() != nil {
			return
		}
		w.warn("the watch broke; it is tried again", "error", err)
		pause(ctx, watchEvery)
	}
}

// heard must be quick, and must not call the store.
func (w *watch) heard(e store.Event) {
	if e.Seq > 0 || e.Key == nil {
		w.move()
		return
	}
	select {
	case w.keys <- *e.Key:
	default: // there is enough to look at
	}
}

func (w *watch) move() {
	select {
	case w.moved <- struct{}{}:
	default:
	}
}

// run asks what happened whenever something may have, and at least now and
// then.
func (w *watch) run(ctx context.Context) error {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case key := <-w.keys:
			err = w.stored(ctx, key)
		case <-w.moved:
			err = w.changes(ctx)
		case <-tick.C:
			err = w.changes(ctx)
		}
		if errors.Is(err, store.ErrClosed) {
			return err
		}
		if err != nil && ctx.Err() == nil {
			w.warn("the store does not answer", "error", err)
			pause(ctx, watchEvery)
		}
	}
}

// pause waits, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// stored tells of a result.
func (w *watch) stored(ctx context.Context, key store.Key) error {
	page, err := w.store.List(ctx, store.Query{Key: &key})
	if err != nil || len(page.Records) == 0 || reserved(&page.Records[0].Labels) {
		return err
	}
	rec := &page.Records[0]
	e := Event{Kind: Stored, Time: time.Now(), Key: key.String(), Size: rec.Size, Cost: Seconds(rec.Cost)}
	e.labels(&rec.Labels)
	w.tell(e)
	return nil
}

func (e *Event) labels(l *store.Labels) {
	e.EntryKind, e.Collection, e.Function, e.Dataset, e.Entry = kindName(l.Kind), l.Collection, l.Function, l.Dataset, l.Entry
}

// changes tells what was cleared and changed since the last time.
func (w *watch) changes(ctx context.Context) error {
	c, err := w.store.Changes(ctx, w.seen)
	if err != nil {
		return err
	}
	if c.Flush {
		w.tell(Event{Kind: Forgotten, Time: time.Now(), Seq: c.Seq})
		w.seen = c.Seq
		return nil
	}
	events := make([]Event, 0, len(c.Labels)+len(c.Keys))
	for _, l := range c.Labels {
		events = append(events, bumped(l))
	}
	for _, k := range c.Keys {
		if !reserved(&k.Labels) && k.Labels.Function != "" { // of keys that never had an entry nobody wants to hear
			events = append(events, changed(&k))
		}
	}
	slices.SortStableFunc(events, func(a, b Event) int { return cmp.Compare(a.Seq, b.Seq) })
	for n := range events {
		if err := w.complete(ctx, &events[n]); err != nil {
			return err
		}
		w.tell(events[n])
		w.seen = max(w.seen, events[n].Seq)
	}
	w.seen = max(w.seen, c.Seq)
	return nil
}

func changed(k *store.KeyChange) Event {
	e := Event{Kind: Changed, Time: time.Now(), Seq: k.Seq, Key: k.Key.String()}
	if k.Gone {
		e.Kind = Cleared
	}
	e.labels(&k.Labels)
	return e
}

// complete adds what an entry that changed is now.
func (w *watch) complete(ctx context.Context, e *Event) error {
	if e.Kind != Changed {
		return nil
	}
	key, err := store.ParseKey(e.Key)
	if err != nil {
		return err
	}
	page, err := w.store.List(ctx, store.Query{Key: &key})
	if err == nil && len(page.Records) > 0 {
		e.Size, e.Cost = page.Records[0].Size, Seconds(page.Records[0].Cost)
	}
	return err
}

// bumped tells of a label.
func bumped(l store.LabelChange) Event {
	e := Event{Kind: Bumped, Time: time.Now(), Seq: l.Seq}
	switch l.Label.Kind {
	case store.LabelAll:
		e.Label = "all"
	case store.LabelDataset:
		e.Label, e.Dataset = "dataset", l.Label.Value
	case store.LabelTag:
		e.Label, e.Tag = "tag", l.Label.Value
	case store.LabelFunction, store.LabelFunctionDataset:
		e.Label = "function"
		kind, parts := unframe(l.Label.Value)
		e.EntryKind = kindName(kind)
		for n, field := range []*string{&e.Collection, &e.Function, &e.Dataset} {
			if n < len(parts) {
				*field = parts[n]
			}
		}
		if l.Label.Kind == store.LabelFunctionDataset {
			e.Label = "function-dataset"
		}
	}
	return e
}
