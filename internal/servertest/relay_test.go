package servertest

import (
	"bufio"
	"bytes"
	"errors"
	"net"
	"os"
	"testing"
	"time"
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

// TestRelayJudges: the server has done all of the request whose reply is lost,
// and other connections are none the worse; a deaf one stays.
func TestRelayJudges(t *testing.T) {
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
			go func() {
				defer c.Close()
				for lines := bufio.NewScanner(c); lines.Scan(); {
					_, _ = c.Write([]byte("ok " + lines.Text() + "\n"))
					got <- lines.Text()
				}
			}()
		}
	}()
	r := NewRelay(t, l.Addr().String())
	r.Judge(func(request []byte) Verdict {
		switch {
		case bytes.Contains(request, []byte("lose")):
			return LoseReply
		case bytes.Contains(request, []byte("deafen")):
			return Deafen
		}
		return Pass
	})
	dial := func() (net.Conn, *bufio.Reader) {
		c, err := net.Dial("tcp", r.Addr())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c, bufio.NewReader(c)
	}
	losses := make(chan struct{}, 8)
	r.OnLoss(func() { losses <- struct{}{} })
	other, heard := dial()
	say := func(c net.Conn, line string) {
		if _, err := c.Write([]byte(line + "\n")); err != nil {
			t.Fatal(err)
		}
		if line := <-got; line == "" {
			t.Error("the server read nothing")
		}
	}
	c, lost := dial()
	say(c, "lose this")
	if line, err := lost.ReadString('\n'); err == nil || line != "" {
		t.Errorf("read %q, %v of a lost reply", line, err)
	}
	if <-losses; len(losses) > 0 {
		t.Errorf("%d losses too many", len(losses))
	}
	say(other, "pass")
	if line, err := heard.ReadString('\n'); err != nil || line != "ok pass\n" {
		t.Errorf("read %q, %v on another connection", line, err)
	}
	say(other, "deafen")
	say(other, "still there")
	if err := other.SetReadDeadline(time.Now().Add(20 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if line, err := heard.ReadString('\n'); !errors.Is(err, os.ErrDeadlineExceeded) || line != "" {
		t.Errorf("a deaf connection read %q, %v", line, err)
	}
}
