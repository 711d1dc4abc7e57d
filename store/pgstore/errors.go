package pgstore

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/reprise-go/reprise/store"
)

// SQLSTATE codes that deserve words of their own.
const (
	codeSuperseded        = "RP001" // raised by our function put
	codePrivilege         = "42501"
	codeBadPassword       = "28P01"
	codeBadAuth           = "28000"
	codeNoDatabase        = "3D000"
	codeNoParameter       = "42704"
	codeNoSchema          = "3F000"
	codeNoTable           = "42P01"
	codeNoFunction        = "42883"
	codeDiskFull          = "53100"
	codeTooManyClients    = "53300"
	codeLimitExceeded     = "54000"
	codeReadOnly          = "25006"
	codeAdminShutdown     = "57P01"
	codeCrashShutdown     = "57P02"
	codeCannotConnect     = "57P03"
	codeNoPrepared        = "26000"
	codePreparedTwice     = "42P05"
	codeStaleResult       = "0A000"
	codeDeadlock          = "40P01"
	codeDuplicateTable    = "42P07"
	codeDuplicateFunction = "42723"
	codeDataCorrupted     = "XX001"
	codeIndexCorrupted    = "XX002"
)

// codeOf is the server's SQLSTATE in err, or "".
func codeOf(err error) string {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code
	}
	return ""
}

// errDamaged marks contradictions that PostgreSQL itself does not notice.
var errDamaged = errors.New("unexpected content")

// explain says what failed and what to do about it, and wraps the store's
// sentinel where one applies. The password is in none of it.
func explain(doing string, err error) error {
	if err == nil {
		return nil
	}
	for _, e := range []error{
		store.ErrClosed, store.ErrSuperseded, store.ErrTooLarge, store.ErrFull, store.ErrLeaseLost,
		store.ErrCorrupt, store.ErrNewerSchema, store.ErrBadQuery, context.Canceled, context.DeadlineExceeded,
	} {
		if errors.Is(err, e) {
			return fmt.Errorf("pgstore: %s: %w", doing, err)
		}
	}
	return fmt.Errorf("pgstore: %s: %w", doing, advised(err))
}

// advised adds what to do, and the store's sentinel where one applies.
func advised(err error) error {
	if errors.Is(err, errDamaged) {
		return fmt.Errorf("%w: %w", store.ErrCorrupt, err)
	}
	switch advice, sentinel := advise(err); {
	case sentinel != nil:
		return fmt.Errorf("%w: %s (%w)", sentinel, advice, err)
	case advice != "":
		return fmt.Errorf("%s: %w", advice, err)
	}
	return err
}

// advise has words, and a sentinel where one applies, for what the server says.
func advise(err error) (advice string, sentinel error) {
	switch codeOf(err) {
	case codeSuperseded:
		return "the store has forgotten the clears since", store.ErrSuperseded
	case codeDiskFull:
		return "free some space on the database server", store.ErrFull
	case codeLimitExceeded:
		return "over a limit of the server; if it is the queue of notifications, some client listens inside an endless transaction", nil
	case codeDataCorrupted, codeIndexCorrupted:
		return "the database is damaged", store.ErrCorrupt
	case codeReadOnly:
		return "the server, or this user by default_transaction_read_only, is read-only: connect to the primary (target_session_attrs=read-write), or as another user", nil
	case codeNoTable, codeNoSchema, codeNoFunction:
		return "the store's tables are gone or were changed: open the store anew to make them", nil
	case codePrivilege:
		return "this user may not use the store's tables: connect as their owner, or grant it USAGE on the schema and all on its tables, sequences and functions", nil
	case codeBadPassword:
		return "the server refuses this user or password: check both in the URL, where characters such as @ and / are written as %40 and %2F", nil
	case codeBadAuth:
		if strings.Contains(err.Error(), "no encryption") {
			return "the server's pg_hba.conf lets nobody in so; it may want TLS: add sslmode=require to the URL", nil
		}
		return "the server does not let this user in: check the user in the URL and pg_hba.conf on the server", nil
	case codeNoDatabase:
		return "create the database, or name another in the URL", nil
	case codeTooManyClients:
		return "lower pool_max_conns in the URL, or raise max_connections of the server", nil
	case codeNoPrepared, codePreparedTwice:
		return "a proxy mixes up prepared statements: add default_query_exec_mode=exec to the URL", nil
	}
	return "", nil
}

// isBroken reports whether the connection, not the statement, failed: it may
// or may not have taken effect.
func isBroken(err error) bool {
	switch codeOf(err) {
	case codeAdminShutdown, codeCrashShutdown, codeCannotConnect:
		return true
	case "":
	default:
		return false
	}
	var network net.Error
	return pgconn.SafeToRetry(err) || errors.As(err, &network) || isClosedConn(err)
}
