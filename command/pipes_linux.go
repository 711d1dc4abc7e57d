package command

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// pipes carry both streams of a command and keep the order in which it wrote
// to them.
//
// Two pipes alone would lose it: whoever finds something in both cannot tell
// what came first. So each pipe holds one packet at most (O_DIRECT, and room
// for one page): a second write waits until the first was read. And epoll, when
// it reports edges, lists what became readable in the order in which it did.
// So writes of one process, one after the other, arrive in their order. Writes
// of over a page are several packets, and writes by several processes at the
// same time have no order to keep.
//
// A packet at a time is slow for bulk. So when one stream alone has written
// bulkAfter bytes, its pipe gets more room until the other one speaks: that
// may then come up to bulkRoom bytes early.
type pipes struct {
	read  [2]int      // by stream, from 0; -1: closed
	write [2]*os.File // the command's ends
	epoll int
	wake  int // becomes readable when reading is to stop

	last  int     // the stream that wrote last
	alone int     // bytes that it wrote since the other did
	wide  [2]bool // the pipe has bulkRoom
}

const (
	bulkAfter = 256 << 10
	bulkRoom  = 256 << 10
)

func newPipes() (p *pipes, err error) {
	p = &pipes{read: [2]int{-1, -1}, epoll: -1, wake: -1}
	defer func() {
		if err != nil {
			p.closeWrites()
			p.close()
		}
	}()
	if p.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	if p.wake, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		return nil, os.NewSyscallError("eventfd", err)
	}
	if err = p.watch(p.wake, unix.EPOLLIN); err != nil {
		return nil, err
	}
	for i := range p.read {
		if err = p.open(i); err != nil {
			return nil, err
		}
	}
	return p, nil
}

func (p *pipes) open(i int) error {
	var fds [2]int
	err := unix.Pipe2(fds[:], unix.O_CLOEXEC|unix.O_DIRECT)
	if err != nil { // a kernel without packets: their order is a guess, their bytes are not
		err = unix.Pipe2(fds[:], unix.O_CLOEXEC)
	}
	if err != nil {
		return os.NewSyscallError("pipe2", err)
	}
	p.read[i] = fds[0]
	p.write[i] = os.NewFile(uintptr(fds[1]), [2]string{"stdout", "stderr"}[i])
	if !p.resize(i, os.Getpagesize()) {
		p.wide[i] = true // as it was made
	}
	if err := unix.SetNonblock(fds[0], true); err != nil {
		return os.NewSyscallError("fcntl", err)
	}
	return p.watch(fds[0], unix.EPOLLIN|unix.EPOLLET)
}

func (p *pipes) watch(fd int, events uint32) error {
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(p.epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: events, Fd: int32(fd)}))
}

// packetSize is more than any packet: a page has up to 64 KiB.
const packetSize = 64 << 10

// pump passes on what comes out of the pipes until both have ended or stop was
// called. take refuses a stream by an error.
func (p *pipes) pump(take func(stream int, b []byte) error) error {
	buf := make([]byte, packetSize)
	var events [4]unix.EpollEvent
	for p.read[0] >= 0 || p.read[1] >= 0 {
		n, err := unix.EpollWait(p.epoll, events[:], -1)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return os.NewSyscallError("epoll_wait", err)
		}
		stopping := false
		for _, ev := range events[:n] {
			switch fd := int(ev.Fd); fd {
			case p.wake:
				stopping = true
			case p.read[0]:
				err = p.readable(0, ev.Events, buf, take)
			case p.read[1]:
				err = p.readable(1, ev.Events, buf, take)
			}
			if err != nil {
				return err
			}
		}
		if stopping {
			return p.drain(buf, take)
		}
	}
	return nil
}

// readable reads one packet for one edge, so that what the other pipe has comes
// next. Whatever is left over, and an end that was reported with a packet,
// would make no edge of their own.
func (p *pipes) readable(i int, events uint32, buf []byte, take func(int, []byte) error) error {
	for n := 1; ; n++ {
		more, err := p.packet(i, buf, take)
		if err != nil || !more {
			return err
		}
		if events&(unix.EPOLLHUP|unix.EPOLLERR) != 0 || p.wide[i] && n < bulkReads {
			continue
		}
		if left, err := unix.IoctlGetInt(p.read[i], unix.TIOCINQ); err == nil && left == 0 {
			return nil
		}
		// Back in line, behind what the other pipe has.
		again := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLET, Fd: int32(p.read[i])}
		return os.NewSyscallError("epoll_ctl", unix.EpollCtl(p.epoll, unix.EPOLL_CTL_MOD, p.read[i], &again))
	}
}

// packet reads once. It reports false where there is nothing now, or never
// again.
func (p *pipes) packet(i int, buf []byte, take func(int, []byte) error) (bool, error) {
	for {
		n, err := unix.Read(p.read[i], buf)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EAGAIN):
			return false, nil
		case err != nil:
			return false, os.NewSyscallError("read", err)
		case n == 0 || take(i+1, buf[:n]) != nil:
			p.closeRead(i)
			return false, nil
		}
		p.room(i, n)
		return true, nil
	}
}

// bulkReads are the packets that are read before the other pipe's turn comes.
const bulkReads = 16

// room gives a pipe more room when its stream has had the word for long, and
// takes it back when the other one speaks.
func (p *pipes) room(i, n int) {
	if p.last != i {
		p.last, p.alone = i, 0
	}
	p.alone += n
	if p.alone > bulkAfter && !p.wide[i] {
		p.wide[i] = p.resize(i, bulkRoom)
	}
	if other := 1 - i; p.wide[other] && p.read[other] >= 0 {
		p.wide[other] = !p.resize(other, os.Getpagesize()) // not while there is more in it
	}
}

func (p *pipes) resize(i, size int) bool {
	_, err := unix.FcntlInt(uintptr(p.read[i]), unix.F_SETPIPE_SZ, size)
	return err == nil
}

// drain takes what is there now.
func (p *pipes) drain(buf []byte, take func(int, []byte) error) error {
	for i := range p.read {
		for more := p.read[i] >= 0; more; {
			var err error
			if more, err = p.packet(i, buf, take); err != nil {
				return err
			}
		}
	}
	return nil
}

// stop makes pump return soon. It comes before close.
func (p *pipes) stop() { _, _ = unix.Write(p.wake, []byte{1, 0, 0, 0, 0, 0, 0, 0}) }

// closeWrites closes the command's ends, once it has them.
func (p *pipes) closeWrites() {
	for _, w := range p.write {
		if w != nil {
			_ = w.Close()
		}
	}
}

func (p *pipes) closeRead(i int) {
	if p.read[i] >= 0 {
		_ = unix.Close(p.read[i])
		p.read[i] = -1
	}
}

// close comes after pump.
func (p *pipes) close() {
	p.closeRead(0)
	p.closeRead(1)
	for _, fd := range []int{p.epoll, p.wake} {
		if fd >= 0 {
			_ = unix.Close(fd)
		}
	}
}
