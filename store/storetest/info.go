package storetest

import (
	"github.com/reprise-go/reprise/store"
)

func infoTopic() topic {
	return topic{"info", []check{
		{"describes a fresh store", checkInfoFresh},
		{"counts what is there", checkInfoCounts},
		{"names each store differently", checkInfoID},
	}}
}

func checkInfoFresh(e *env) {
	i := e.info()
	if i.Driver == "" || i.ID == ([32]byte{}) || i.Now.IsZero() {
		e.Errorf("Info = %+v, want a driver, an id and the time", i)
	}
	if i.Seq == 0 {
		e.Error("Info.Seq = 0: Changes(0) tells no keys, so whoever saw 0 would miss the first clear")
	}
	if i.Entries != 0 || i.Bytes != 0 {
		e.Errorf("a fresh store holds %d entries and %d bytes", i.Entries, i.Bytes)
	}
}

func checkInfoCounts(e *env) {
	e.publish(rec("a"))
	e.publish(with(rec("b"), func(r *store.Record) { r.Value = make([]byte, 100_000) }))
	e.publish(with(rec("b"), func(r *store.Record) { r.Value = make([]byte, 50_000) }))
	size := int64(len(rec("a").Value)) + 50_000
	if i := e.info(); i.Entries != 2 || i.Bytes < size || i.Bytes > 2*size {
		e.Errorf("Info says %d entries and %d bytes, put 2 of %d", i.Entries, i.Bytes, size)
	}
	e.purge(store.Query{Function: ptr("f")})
	if i := e.info(); i.Entries != 0 {
		e.Errorf("Info says %d entries after a purge of all", i.Entries)
	}
}

func checkInfoID(e *env) {
	other := e.h.Open(e.T)
	defer other.Close()
	i, err := other.Info(e.ctx)
	e.must("Info", err)
	if mine := e.info(); mine.ID == i.ID || mine.ID != e.info().ID {
		e.Errorf("ids %x, %x: want a lasting one for each store", mine.ID[:4], i.ID[:4])
	}
}
