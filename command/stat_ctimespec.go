//go:build darwin || freebsd || netbsd

package command

import (
	"io/fs"
	"syscall"
)

// identify reads what stat told. Conversions differ in need between systems.
func identify(info fs.FileInfo) identity {
	id := identity{size: info.Size(), mtime: info.ModTime().UnixNano()}
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		id.ctime = int64(st.Ctimespec.Sec)*1e9 + int64(st.Ctimespec.Nsec)
		id.device, id.inode = uint64(st.Dev), uint64(st.Ino)
	}
	return id
}
