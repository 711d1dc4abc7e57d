package command

import (
	"os"
	"os/signal"
)

// Notify gives the signals that a command should get, for IO.Signals, until
// stop is called: on Unix INT, TERM, HUP, QUIT, TSTP, CONT, WINCH, USR1 and
// USR2, elsewhere the interrupt. From then on they do not end this process.
func Notify() (signals <-chan os.Signal, stop func()) {
	c := make(chan os.Signal, 16)
	signal.Notify(c, passedOn...)
	return c, func() { signal.Stop(c) }
}
