// Machines shares expensive results between processes and machines: four
// processes ask for the same tiles of a picture at the same time, and each tile
// is rendered once.
//
//	go run ./examples/machines                                # the embedded store
//	go run ./examples/machines -store redis://localhost:6379
//	go run ./examples/machines -store postgres://localhost/app
//
// Started on several machines at once with the URL of one store, the executions
// of all add up to one a tile. Run it again and nothing is rendered; another
// -depth is another picture. A URL with a password goes into the environment
// variable REPRISE_STORE. With -kill, the first process that renders is killed
// while it does; when its lease is over, another takes the tile over.
package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"flag"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"os"
	"os/exec"
	"sync"
	"time"

	"github.com/reprise-go/reprise"
)

var (
	store     = flag.String("store", os.Getenv("REPRISE_STORE"), "URL of the store that all share; empty for the embedded one")
	processes = flag.Int("processes", 4, "how many processes to start here")
	depth     = flag.Int("depth", 2000, "steps for each point of the picture; more cost more")
	kill      = flag.Bool("kill", false, "kill the first process that renders a tile")
	lease     = flag.Duration("lease", 5*time.Second, "after how long the others give up on one that died")
	worker    = flag.Bool("worker", false, "be one of the processes")
)

func main() {
	if flag.Parse(); *worker {
		work(context.Background())
	} else {
		supervise()
	}
}

const (
	side  = 4 // of the picture, in tiles
	tiles = side * side
	width = 128 // of a tile, in points
)

// Tile is a part of the picture: column and row, and how deep to look.
type Tile struct{ Column, Row, Depth int }

// render is the expensive function: a tile of the Mandelbrot set, in grey.
func render(ctx context.Context, t Tile) ([]byte, error) {
	fmt.Println("renders") // for supervise
	grey := make([]byte, 0, width*width)
	for i := 0; i < width*width && ctx.Err() == nil; i++ {
		x, y := t.Column*width+i%width, t.Row*width+i/width
		c := complex(float64(x)/(side*width)*2.5-2, float64(y)/(side*width)*2.5-1.25)
		n, z := 0, c
		for n < t.Depth && real(z)*real(z)+imag(z)*imag(z) < 4 {
			n, z = n+1, z*z+c
		}
		grey = append(grey, byte(n*255/t.Depth))
	}
	return grey, ctx.Err()
}

// work is one process: it asks for all tiles, in an order of its own.
func work(ctx context.Context) {
	cache, err := reprise.Open(ctx, *store, &reprise.Config{OnStoreError: reprise.FailClosed})
	check(err)
	tile, err := reprise.Wrap(cache, render, &reprise.Options[Tile, []byte]{
		Name: "tile", Version: "1", // by hand, for machines may run different builds
		Serialize: true, LeaseTTL: *lease, // one execution, however many ask at once
	})
	check(err)
	var picture [tiles][]byte
	for _, i := range rand.Perm(tiles) {
		picture[i], err = tile.Call(ctx, Tile{i % side, i / side, *depth})
		check(err)
	}
	s := cache.Stats().Functions["tile"]
	check(cache.Close())
	fmt.Printf("done %d %d %x\n", s.Calls[reprise.Waited], s.Saved, sha256.Sum256(bytes.Join(picture[:], nil)))
}

// report is how a process fared: its executions, how often it waited for one of
// another, the computing that others saved it, and its picture's checksum.
type report struct {
	executions, waited int
	saved              time.Duration
	picture            string
}

// supervise starts the processes and sums up.
func supervise() {
	began, reports := time.Now(), make([]report, *processes)
	var all sync.WaitGroup
	var killing sync.Once
	for i := range reports {
		cmd := exec.Command(os.Args[0], "-worker", fmt.Sprint("-depth=", *depth), fmt.Sprint("-lease=", *lease))
		cmd.Env, cmd.Stderr = append(os.Environ(), "REPRISE_STORE="+*store), os.Stderr
		out, err := cmd.StdoutPipe()
		check(err)
		check(cmd.Start())
		all.Go(func() {
			reports[i] = listen(out, cmd.Process, &killing)
			if err := cmd.Wait(); reports[i].picture != "killed" {
				check(err)
			}
		})
	}
	all.Wait()
	executions, saved := 0, time.Duration(0)
	for i, r := range reports {
		fmt.Printf("process %d: %d executions, %d waits, %v saved, picture %.8s\n", i, r.executions, r.waited, r.saved.Round(time.Millisecond), r.picture)
		executions, saved = executions+r.executions, saved+r.saved
	}
	fmt.Printf("%d tiles for %d processes: %d executions in %v, %v of computing saved\n",
		tiles, *processes, executions, time.Since(began).Round(time.Millisecond), saved.Round(time.Millisecond))
}

// listen follows what a process prints until its end.
func listen(out io.Reader, p *os.Process, killing *sync.Once) (r report) {
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if lines.Text() == "renders" {
			if r.executions++; *kill {
				killing.Do(func() { r.picture = "killed"; check(p.Kill()) })
			}
		} else if r.picture == "" {
			_, err := fmt.Sscanf(lines.Text(), "done %d %d %s", &r.waited, &r.saved, &r.picture)
			check(err)
		}
	}
	return r
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
