package sqlitestore

import "golang.org/x/sys/unix"

// networkFilesystems are the magic numbers of those whose locks and shared
// maps do not reach other machines.
var networkFilesystems = map[uint32]string{
	unix.NFS_SUPER_MAGIC:  "NFS",
	unix.SMB_SUPER_MAGIC:  "SMB",
	unix.SMB2_SUPER_MAGIC: "SMB2",
	unix.CIFS_SUPER_MAGIC: "CIFS",
	unix.AFS_SUPER_MAGIC:  "AFS",
	unix.AFS_FS_MAGIC:     "AFS",
	unix.CODA_SUPER_MAGIC: "Coda",
	unix.CEPH_SUPER_MAGIC: "Ceph",
	unix.NCP_SUPER_MAGIC:  "NCP",
	0x0bd00bd0:            "Lustre",
}

// networkFilesystem names the network filesystem that dir is on.
func networkFilesystem(dir string) (name string, bad bool) {
	var st unix.Statfs_t
	if unix.Statfs(dir, &st) != nil {
		return "", false
	}
	name, bad = networkFilesystems[uint32(st.Type)]
	return name, bad
}
