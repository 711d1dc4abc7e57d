package command

import "testing"

func TestFirst(t *testing.T) {
	r := newRig(t, nil)
	r.write("in", "hello")
	s := r.sh("cat in; echo warn >&2; echo done; echo made > out")
	s.Inputs, s.Outputs = []string{"in"}, []string{"out"}
	a := r.run(s).ran(t)
	t.Logf("%+v", a)
	b := r.run(s).hit(t)
	t.Logf("%+v", b)
	if a.all != b.all || a.all != "1:hello2:warn\n1:done\n" {
		t.Errorf("%q %q", a.all, b.all)
	}
	x, err := r.Explain(t.Context(), s, IO{})
	t.Logf("%v %v %+v", x, err, x.Parts)
	d, err := r.Rerun(t.Context(), b.Key)
	t.Logf("%+v %v", d, err)
}
