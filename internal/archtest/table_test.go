package archtest

// room is a package of the module, or with a path ending in /... all below a
// directory. An import is allowed where both its ends say so: the importer in
// imports, the imported in usedBy. So a new arrow is a decision about both.
type room struct {
	path    string
	imports []string // packages of this module, relative; "." is the façade
	usedBy  []string
	public  bool // may import every public package; stands in no usedBy
	stdOnly bool // beyond this module, only the standard library
	tests   bool // used by tests only, so test libraries are welcome

	testImports []string // what its tests import beside what lies below it
}

var drivers = []string{"store/memstore", "store/sqlitestore", "store/redisstore", "store/pgstore"}

// rooms is the import table of docs/design.md. Rows for packages that are
// still to come are there so that they start in their place.
var rooms = []room{
	{path: "store", stdOnly: true, usedBy: with(drivers, ".", "store/storetest",
		"internal/ledger", "internal/memory", "internal/lease", "internal/engine", "inspect", "command")},
	{path: "internal/canon", usedBy: []string{".", "version", "internal/engine", "inspect"}},
	{path: "internal/flight", stdOnly: true, usedBy: []string{"internal/engine"}},
	{path: "internal/envelope", usedBy: with(drivers, "internal/engine", "inspect")},
	{path: "internal/value", usedBy: []string{"."}},
	{path: "codec", usedBy: []string{"."}},

	{path: "internal/ledger", imports: []string{"store"}, usedBy: []string{"internal/engine", "inspect", "command"}},
	{path: "internal/memory", imports: []string{"store"}, usedBy: []string{"internal/engine"}},
	{path: "internal/lease", imports: []string{"store"}, usedBy: []string{"internal/engine"}},
	{path: "version", imports: []string{"internal/canon"}, usedBy: []string{".", "command"}},
	{
		path: "internal/engine",
		imports: []string{
			"store", "internal/ledger", "internal/lease", "internal/memory", "internal/flight", "internal/envelope", "internal/canon",
		},
		usedBy: []string{"."},
	},
	{
		path: ".",
		imports: with(drivers,
			"internal/engine", "store", "version", "codec", "internal/canon", "internal/value"),
		usedBy: []string{"command"},
	},

	{path: "store/storetest", tests: true, imports: []string{"store"}},
	{path: "store/memstore", stdOnly: true, imports: driverImports, usedBy: []string{"."}},
	{path: "store/sqlitestore", imports: driverImports, usedBy: []string{"."}},
	{path: "store/redisstore", imports: driverImports, usedBy: []string{"."}},
	{path: "store/pgstore", imports: driverImports, usedBy: []string{"."}},

	{path: "inspect", imports: []string{"store", "internal/ledger", "internal/envelope", "internal/canon"}, usedBy: []string{"command", "console"},
		testImports: drivers},
	{path: "command", imports: []string{".", "store", "version", "inspect", "internal/ledger"}},
	{path: "console", imports: []string{"inspect"}},
	{path: "codeversion", usedBy: []string{"codeversion/analyzer"}},
	{path: "codeversion/analyzer", imports: []string{"codeversion"}},
	{path: "cmd/reprise", public: true},
	{path: "cmd/reprise/...", public: true},
	{path: "examples/...", public: true},

	{path: "internal/archtest", tests: true},
	{path: "internal/servertest", tests: true},
}

var driverImports = []string{"store", "internal/envelope"}

// testRooms are what tests anywhere may import: internal/value to hold copies
// against originals. Beside them a test may import
// whatever lies below its package: that turns no arrow round.
var testRooms = []string{"store/storetest", "store/memstore", "internal/servertest", "internal/value"}

// confined are modules that cost start-up time or bring much code with them:
// only the package named here may import them, so that only programs that use
// it pay.
var confined = map[string]string{
	"github.com/ncruces/go-sqlite3": "store/sqlitestore",
	"github.com/redis/rueidis":      "store/redisstore",
	"github.com/jackc/pgx":          "store/pgstore",
	"github.com/klauspost/compress": "internal/envelope",
	"google.golang.org/protobuf":    "codec",
}

// testLibraries have no business in a program.
var testLibraries = []string{
	"github.com/google/go-cmp", "go.uber.org/goleak", "pgregory.net/rapid", "github.com/rogpeppe/go-internal", "testing",
}

// with returns list and more as a slice of its own.
func with(list []string, more ...string) []string {
	return append(append([]string(nil), list...), more...)
}
