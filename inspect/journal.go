package inspect

import (
	"context"

	"github.com/reprise-go/reprise/internal/envelope"
	"github.com/reprise-go/reprise/internal/ledger"
	"github.com/reprise-go/reprise/store"
)

// FoldJournal puts what short-lived processes noted in a journal of this
// machine, the file of that path, into the savings ledger, and empties it. A
// journal that is not there is an empty one. Where the store fails the notes
// stay for the next time.
func (i *Inspector) FoldJournal(ctx context.Context, file string) error {
	return wrap("fold the journal", ledger.Journal{File: file}.Fold(func(p *ledger.Page) error {
		info, err := i.store.Info(ctx)
		if err != nil {
			return err
		}
		b, err := p.Encode()
		if err != nil {
			return err
		}
		rec := p.Record(info.Seq)
		if rec.Value, err = i.sealer.Seal(nil, envelope.Header{Codec: ledger.Codec, Key: rec.Key}, b); err != nil {
			return err
		}
		_, err = i.store.Put(ctx, rec, store.PutPublish)
		return err
	}))
}
