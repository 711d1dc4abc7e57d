package archtest

import (
	"fmt"
	"go/ast"
	"strings"
	"testing"
	"testing/fstest"
)

func TestEverythingExportedIsDocumented(t *testing.T) {
	for _, complaint := range checkDocs(everyPackage(t)) {
		t.Error(complaint)
	}
}

// checkDocs returns a line for every package and every exported identifier
// without a comment.
func checkDocs(all []*pkg) []string {
	var complaints []string
	for _, p := range all {
		complaints = append(complaints, checkPackageDoc(p)...)
		for _, f := range p.files {
			if f.test || ast.IsGenerated(f.syntax) {
				continue
			}
			for _, name := range undocumented(f.syntax) {
				complaints = append(complaints, fmt.Sprintf("%s: %s has no comment", f.name, name))
			}
		}
	}
	return complaints
}

func checkPackageDoc(p *pkg) []string {
	onlyTests, name := true, ""
	for _, f := range p.files {
		if f.test {
			continue
		}
		if f.syntax.Doc != nil {
			return nil
		}
		onlyTests, name = false, f.syntax.Name.Name
	}
	if onlyTests {
		return nil
	}
	return []string{fmt.Sprintf("package %s (%s) has no comment", name, p.path)}
}

// undocumented lists the exported declarations of a file that lack a comment.
func undocumented(f *ast.File) []string {
	var names []string
	for _, decl := range f.Decls {
		switch d := decl.(type) {
		case *ast.FuncDecl:
			if d.Doc == nil && d.Name.IsExported() && exportedReceiver(d) {
				names = append(names, d.Name.Name)
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				names = append(names, undocumentedSpec(d, spec)...)
			}
		}
	}
	return names
}

// exportedReceiver says whether a function is none of an unexported type's.
func exportedReceiver(d *ast.FuncDecl) bool {
	if d.Recv == nil || len(d.Recv.List) == 0 {
		return true
	}
	t := d.Recv.List[0].Type
	for {
		switch x := t.(type) {
		case *ast.StarExpr:
			t = x.X
		case *ast.IndexExpr:
			t = x.X
		case *ast.IndexListExpr:
			t = x.X
		case *ast.Ident:
			return x.IsExported()
		default:
			return true
		}
	}
}

// undocumentedSpec judges a type, or the names of a const or var. A comment on
// a group speaks for its values, not for types.
func undocumentedSpec(d *ast.GenDecl, spec ast.Spec) []string {
	var names []string
	switch s := spec.(type) {
	case *ast.TypeSpec:
		if !s.Name.IsExported() {
			return nil
		}
		if s.Doc == nil && (d.Doc == nil || d.Lparen.IsValid()) {
			names = append(names, s.Name.Name)
		}
		names = append(names, undocumentedMethods(s)...)
	case *ast.ValueSpec:
		if s.Doc != nil || s.Comment != nil || d.Doc != nil {
			return nil
		}
		for _, n := range s.Names {
			if n.IsExported() {
				names = append(names, n.Name)
			}
		}
	}
	return names
}

// undocumentedMethods lists an exported interface's methods without a comment.
func undocumentedMethods(s *ast.TypeSpec) []string {
	i, ok := s.Type.(*ast.InterfaceType)
	if !ok {
		return nil
	}
	var names []string
	for _, m := range i.Methods.List {
		for _, n := range m.Names {
			if n.IsExported() && m.Doc == nil && m.Comment == nil {
				names = append(names, s.Name.Name+"."+n.Name)
			}
		}
	}
	return names
}

func TestMissingCommentsAreFound(t *testing.T) {
	const src = `package p

func Bare() {}

// Said is documented.
func Said() {}

func (t T) Method()     {}
func (t *T) Pointer()   {}
func (g *G[A]) Generic() {}
func (u u) Method()     {}

type T struct{}

// G is documented.
type G[A any] struct{}

type u struct{}

// The types.
type (
	InGroup int
)

// I is documented.
type I interface {
	Silent()
	// Spoken is documented.
	Spoken()
	LineComment() // documented
}

const Value = 1

// Words for the group.
const (
	One = iota
	Two
)

var hidden, Shown = 1, 2
`
	all, err := readTree(fstest.MapFS{"p.go": {Data: []byte(src)}, "p_test.go": {Data: []byte("package p\nfunc Helper() {}\n")}})
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Join(checkDocs(all), "\n")
	want := []string{"package p (.)", "Bare", "Method", "Pointer", "Generic", " T ", "InGroup", "I.Silent", "Value", "Shown"}
	for _, name := range want {
		if !strings.Contains(got, name) {
			t.Errorf("%q was not found", name)
		}
	}
	if n := strings.Count(got, "\n") + 1; n != len(want) {
		t.Errorf("%d complaints, want %d:\n%s", n, len(want), got)
	}
}
