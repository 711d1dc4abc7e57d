// Command clocked makes cached calls as it is told to, line by line. The tests
// build it against a standard library whose wall clock is off.
package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/reprise-go/reprise"
)

func main() {
	if err := serve(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// client are the functions that a line can call.
type client struct {
	expiring, kept, leased *reprise.Func[int, int]

	finish chan struct{}
	mu     sync.Mutex
	runs   int // protected by mu
}

func serve(url string) error {
	c, err := reprise.Open(context.Background(), url, &reprise.Config{OnStoreError: reprise.FailClosed})
	if err != nil {
		return err
	}
	cl := &client{finish: make(chan struct{})}
	if err := cl.wrap(c); err != nil {
		return err
	}
	fmt.Println("clock", time.Now().Unix())
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		cl.obey(in.Text())
	}
	return c.Close()
}

func (cl *client) wrap(c *reprise.Cache) (err error) {
	o := reprise.Options[int, int]{Name: "kept", Version: "1", OnStoreError: reprise.FailClosed}
	if cl.kept, err = reprise.Wrap(c, cl.quick, &o); err != nil {
		return err
	}
	o.Name, o.TTL = "expiring", 3*time.Second
	if cl.expiring, err = reprise.Wrap(c, cl.quick, &o); err != nil {
		return err
	}
	o.Name, o.TTL, o.Serialize, o.LeaseTTL = "leased", 0, true, 2*time.Second
	cl.leased, err = reprise.Wrap(c, cl.slow, &o)
	return err
}

// quick gives the number of its run, which is another in each process.
func (cl *client) quick(context.Context, int) (int, error) {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	cl.runs++
	return 1000*os.Getpid() + cl.runs, nil
}

func (cl *client) slow(ctx context.Context, in int) (int, error) {
	fmt.Println("start", in)
	select {
	case <-cl.finish:
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
	return cl.quick(ctx, in)
}

func (cl *client) obey(line string) {
	var what string
	var in int
	_, _ = fmt.Sscan(line, &what, &in) // the test writes them
	switch what {
	case "do":
		report(cl.expiring.Do(context.Background(), in))
	case "keep":
		report(cl.kept.Do(context.Background(), in))
	case "lease":
		go func() { report(cl.leased.Do(context.Background(), in)) }()
	case "finish":
		cl.finish <- struct{}{}
	case "clear":
		fmt.Println("cleared", cl.kept.Clear(context.Background(), in))
	}
}

// report tells what came of a call: value, outcome, age, and when it was
// created by the store's clock, both in milliseconds.
func report(r reprise.Result[int], err error) {
	fmt.Println("did", r.Value, r.Outcome, r.Age.Milliseconds(), r.Created.UnixMilli(), r.Expires.UnixMilli(), err)
}
