// Package servertest starts real servers for tests: in a temporary directory,
// on free loopback ports, in process groups of their own, and stopped by pid
// when the test ends. Each can be killed, stopped, continued and restarted on
// the same port.
//
// Where a server is not installed, the test is skipped with one line that
// says what to install. With REPRISE_REQUIRE_SERVERS=1 in the environment, as
// `make test` sets it, it fails instead.
package servertest
