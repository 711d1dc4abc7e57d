package inspect

import (
	"encoding/json"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

var snake = regexp.MustCompile(`^[a-z]+(_[a-z]+)*$`)

// Everything that is printed as JSON has names in snake case and
// durations in seconds that say so.
func TestJSONNames(t *testing.T) {
	for _, v := range []any{
		Entry{}, Page{}, Query{}, Filter{}, Function{}, Version{}, Group{}, Usage{}, Value{}, Node{}, Difference{}, Neighbor{}, Selection{}, Counts{}, Swept{},
		Problem{}, Report{}, Exported{}, Imported{}, Check{}, Line{}, Period{}, FunctionSavings{}, Savings{}, Event{},
	} {
		checkJSON(t, reflect.TypeOf(v))
		if _, err := json.Marshal(v); err != nil {
			t.Error(err)
		}
	}
}

func checkJSON(t *testing.T, typ reflect.Type) {
	t.Helper()
	for i := range typ.NumField() {
		f := typ.Field(i)
		tag, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous:
			if tag != "" {
				t.Errorf("%s embeds %s under a name", typ, f.Name)
			}
		case tag == "-":
		case !snake.MatchString(tag):
			t.Errorf("%s.%s is called %q", typ, f.Name, tag)
		case (f.Type == reflect.TypeFor[Seconds]()) != strings.HasSuffix(tag, "_seconds"):
			t.Errorf("%s.%s is called %q", typ, f.Name, tag)
		case f.Type.String() == "time.Duration":
			t.Errorf("%s.%s is a number of nanoseconds", typ, f.Name)
		}
	}
}
