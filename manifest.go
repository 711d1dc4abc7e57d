package reprise

import (
	"context"
	"crypto/sha256"
	"unsafe"

	"github.com/reprise-go/reprise/internal/canon"
)

// manifest lists the parts that went into a call's key, for Explain to compare.
// Values that are private appear as digests only. A part that cannot be had
// any more is left out: a manifest explains, nothing relies on it.
func (f *Func[In, Out]) manifest(ctx context.Context, s *settings, in In) []byte {
	parts, _ := f.parts(ctx, s, in)
	return canon.AppendParts(nil, parts)
}

// conceal keys the digests of private parts: a plain digest of a short secret
// could be found by trying all secrets. Without the cache's secret no digest
// is told at all.
func (f *Func[In, Out]) conceal(ctx context.Context, parts []canon.Part) {
	for i := range parts {
		p := &parts[i]
		if !p.Private {
			continue
		}
		sum, err := f.cache.engine.Private(ctx, "part "+p.Name, string(p.Digest[:]))
		p.Digest = [8]byte(sum[:8])
		if err != nil {
			p.Digest = [8]byte{}
		}
	}
}

func (f *Func[In, Out]) parts(ctx context.Context, s *settings, in In) ([]canon.Part, error) {
	parts := f.codeParts()
	parts = append(parts, f.scopeParts(ctx, s)...)
	inputs, err := f.inputParts(ctx, in)
	for _, p := range inputs {
		p.Name = join("input", p.Name)
		parts = append(parts, p)
	}
	f.conceal(ctx, parts)
	return parts, err
}

// codeParts are the parts that all calls of the function share.
func (f *Func[In, Out]) codeParts() []canon.Part {
	id := f.identity()
	in, out := canon.Fingerprint(id.in), canon.Fingerprint(id.out)
	parts := []canon.Part{
		textPart("version", f.version.String()),
		{Name: "type.in", Digest: [8]byte(in[:8]), Preview: id.in.String()},
		{Name: "type.out", Digest: [8]byte(out[:8]), Preview: id.out.String()},
	}
	if f.opts.Salt != "" {
		p := textPart("salt", f.opts.Salt)
		p.Preview, p.Private = "", true
		parts = append(parts, p)
	}
	for _, v := range f.version.Parts {
		parts = append(parts, textPart(join("version", v.Policy), v.Value))
		for _, d := range v.Detail {
			parts = append(parts, textPart(join("version", v.Policy, d.Name), d.Digest))
		}
	}
	return parts
}

// scopeParts are the dataset, and hashes of the scopes that the key has.
func (f *Func[In, Out]) scopeParts(ctx context.Context, s *settings) []canon.Part {
	if s == nil || s.exec == nil {
		return nil
	}
	var parts []canon.Part
	if f.keys.linked && s.exec.Dataset != "" {
		parts = append(parts, textPart("dataset", s.exec.Dataset))
	}
	hashes, err := s.exec.scopes(ctx, f.cache.engine)
	if err != nil {
		return parts
	}
	for i, sc := range scopes {
		if f.keys.scope&sc.bit != 0 {
			parts = append(parts, canon.Part{Name: join("scope", sc.field), Digest: [8]byte(hashes.of[i][:8]), Private: true})
		}
	}
	return parts
}

func (f *Func[In, Out]) inputParts(ctx context.Context, in In) ([]canon.Part, error) {
	if f.keys.keyFunc == nil {
		return f.keys.enc.Parts(ctx, unsafe.Pointer(&in))
	}
	b, err := f.keys.appendCustom(ctx, nil, in)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(b)
	return []canon.Part{{Name: "KeyFunc", Digest: [8]byte(sum[:8])}}, nil
}

func textPart(name, text string) canon.Part {
	sum := sha256.Sum256([]byte(text))
	return canon.Part{Name: name, Digest: [8]byte(sum[:8]), Preview: canon.Printable(text)}
}

// join makes a part's name of its path. An input that is no struct has none.
func join(path ...string) string {
	name := path[0]
	for _, p := range path[1:] {
		if p != "" {
			name += "." + p
		}
	}
	return name
}
