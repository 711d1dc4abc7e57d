//go:build unix

package servertest

import "testing"

func TestRedisRestartsOnItsPort(t *testing.T) {
	s := Redis(t)
	addr := s.Addr()
	s.Kill(t)
	if pings(addr) {
		t.Error("a killed server answers")
	}
	s.Restart(t)
	if !pings(addr) || s.Addr() != addr {
		t.Errorf("after the restart %s does not answer; it was %s", s.Addr(), addr)
	}
	s.Stop(t)
	s.Cont(t)
	if !pings(addr) {
		t.Error("a continued server does not answer")
	}
}
