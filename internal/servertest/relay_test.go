package servertest

import (
	"bufio"
	"net"
	"testing"
)

// TestRelayLosesRepliesOnly holds that the server gets the request whose reply
// is lost.
func TestRelayLosesRepliesOnly(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	got := make(chan string, 8)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			for lines := bufio.NewScanner(c); lines.Scan(); {
				got <- lines.Text()
				_, _ = c.Write([]byte("ok\n"))
			}
			c.Close()
		}
	}()
	r := NewRelay(t, l.Addr().String())
	ask := func(line string) error {
		c, err := net.Dial("tcp", r.Addr())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := c.Write([]byte(line + "\n")); err != nil {
			t.Fatal(err)
		}
		_, err = bufio.NewReader(c).ReadString('\n')
		return err
	}
	for _, lose := range []bool{false, true, false} {
		r.Pass()
		if lose {
			r.LoseReplies()
		}
		if err := ask("hello"); (err != nil) != lose {
			t.Errorf("losing replies: %t, read %v", lose, err)
		}
		if line := <-got; line != "hello" {
			t.Errorf("the server read %q", line)
		}
	}
}
