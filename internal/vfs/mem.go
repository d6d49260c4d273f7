// A disk in memory, which can lose power.
//
// Every file knows what it holds, and apart from that what would be left of it without power: its
// content at the last Sync, and the writes since. Every folder knows the same of its names. Crash
// makes another disk out of this one as a power failure might leave it, decided by a seed: it goes
// through the unsynced changes and keeps all, none, the first few, or any of them, and of a write
// perhaps only some of its 512-byte sectors. The disk it was called on is untouched, so one moment
// can be crashed many times.
//
// A file whose name was synced but whose content was not comes back empty or torn, as on a real
// disk. SyncRange and DontNeed count for nothing.

package vfs

import (
	"io"
	"io/fs"
	"maps"
	"math"
	"os"
	"path"
	"slices"
	"sync"
	"syscall"
	"time"
)

// Mem is a file system in memory. Paths are relative to its root; a leading slash means nothing.
type Mem struct {
	mu   sync.Mutex // guards everything below, and all nodes
	root *node
	tick int64 // counts changes; serves as time of modification
	room Room
}

// memRoom is what a Mem tells of its room, unless it is told otherwise.
var memRoom = Room{Free: 1 << 60, Bound: OnDisk, Size: 1 << 60, File: math.MaxInt64}

var _ FS = (*Mem)(nil)

// node is a file or, when names is not nil, a folder.
type node struct {
	perm     fs.FileMode
	modified int64

	data    []byte   // of a file: what it holds
	holder  *memFile // of its lock; not the disk's, and gone with the power
	synced  []byte   // what it held at the last Sync
	changes []change

	names   map[string]*node // of a folder: what it holds
	kept    map[string]*node // what it held at the last SyncDir
	renames []rename
}

// change is a write since the last Sync, or a truncation when cut is true.
type change struct {
	offset int64
	bytes  []byte
	cut    bool
}

// rename is a change of a folder since its last SyncDir. A nil node removes the name; from is the
// name that goes away in the same step, if any.
type rename struct {
	name, from string
	node       *node
}

// NewMem returns an empty disk.
func NewMem() *Mem { return &Mem{root: newFolder(fs.ModeDir | 0o755), room: memRoom} }

func newFolder(perm fs.FileMode) *node {
	return &node{perm: perm, names: map[string]*node{}, kept: map[string]*node{}}
}

// split cleans a path into its folder's path and its last name, which is "." for the root.
func split(name string) (dir, base string) {
	clean := path.Clean("/" + name)
	if clean == "/" {
		return "/", "."
	}
	return path.Dir(clean), path.Base(clean)
}

// find returns the node of a path, or nil.
func (m *Mem) find(name string) *node {
	dir, base := split(name)
	if base == "." {
		return m.root
	}
	parent := m.find(dir)
	if parent == nil || parent.names == nil {
		return nil
	}
	return parent.names[base]
}

func failure(op, name string, err error) error {
	return &fs.PathError{Op: op, Path: name, Err: err}
}

func (m *Mem) touch(n *node) {
	m.tick++
	n.modified = m.tick
}

// Open opens a file for reading.
func (m *Mem) Open(name string) (File, error) { return m.OpenFile(name, ReadOnly, 0) }

// Create makes an empty file, or empties one.
func (m *Mem) Create(name string) (File, error) {
	return m.OpenFile(name, ReadWrite|New|Empty, 0o644)
}

// OpenFile opens a file by flags.
func (m *Mem) OpenFile(name string, flags int, perm fs.FileMode) (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.find(name)
	switch {
	case n == nil && flags&New == 0:
		return nil, failure("open", name, fs.ErrNotExist)
	case n == nil:
		dir, base := split(name)
		parent := m.find(dir)
		if parent == nil {
			return nil, failure("open", name, fs.ErrNotExist)
		}
		if parent.names == nil {
			return nil, failure("open", name, syscall.ENOTDIR)
		}
		n = &node{perm: perm}
		parent.names[base] = n
		parent.renames = append(parent.renames, rename{name: base, node: n})
		m.touch(parent)
		m.touch(n)
	case flags&(New|Exclusive) == New|Exclusive:
		return nil, failure("open", name, fs.ErrExist)
	case n.names != nil && flags&(WriteOnly|ReadWrite) != 0:
		return nil, failure("open", name, syscall.EISDIR)
	case flags&Empty != 0 && len(n.data) > 0:
		m.truncate(n, 0)
	}
	return &memFile{fs: m, node: n, name: name, flags: flags}, nil
}

// Rename gives a file or folder another name, replacing a file that had it.
func (m *Mem) Rename(from, to string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	fail := func(err error) error {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
	}
	fromDir, fromBase := split(from)
	toDir, toBase := split(to)
	n, source, target := m.find(from), m.find(fromDir), m.find(toDir)
	if n == nil || target == nil || n == m.root {
		return fail(fs.ErrNotExist)
	}
	if target.names == nil {
		return fail(syscall.ENOTDIR)
	}
	old := target.names[toBase]
	if old == n {
		return nil
	}
	if old != nil && old.names != nil {
		return fail(fs.ErrExist)
	}
	delete(source.names, fromBase)
	target.names[toBase] = n
	if source == target {
		source.renames = append(source.renames, rename{name: toBase, from: fromBase, node: n})
	} else {
		source.renames = append(source.renames, rename{name: fromBase})
		target.renames = append(target.renames, rename{name: toBase, node: n})
	}
	m.touch(source)
	m.touch(target)
	return nil
}

// Link gives a file a second name.
func (m *Mem) Link(from, to string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	dir, base := split(to)
	n, target := m.find(from), m.find(dir)
	var err error
	switch {
	case n == nil || target == nil:
		err = fs.ErrNotExist
	case target.names == nil:
		err = syscall.ENOTDIR
	case n.names != nil:
		err = syscall.EPERM
	case base == "." || target.names[base] != nil:
		err = fs.ErrExist
	}
	if err != nil {
		return &os.LinkError{Op: "link", Old: from, New: to, Err: err}
	}
	target.names[base] = n
	target.renames = append(target.renames, rename{name: base, node: n})
	m.touch(target)
	return nil
}

// Remove removes a file or an empty folder.
func (m *Mem) Remove(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.find(name)
	if n == nil || n == m.root {
		return failure("remove", name, fs.ErrNotExist)
	}
	if len(n.names) > 0 {
		return failure("remove", name, syscall.ENOTEMPTY)
	}
	dir, base := split(name)
	parent := m.find(dir)
	delete(parent.names, base)
	parent.renames = append(parent.renames, rename{name: base})
	m.touch(parent)
	return nil
}

// Mkdir makes one folder.
func (m *Mem) Mkdir(name string, perm fs.FileMode) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	dir, base := split(name)
	parent := m.find(dir)
	if parent == nil {
		return failure("mkdir", name, fs.ErrNotExist)
	}
	if parent.names == nil {
		return failure("mkdir", name, syscall.ENOTDIR)
	}
	if m.find(name) != nil {
		return failure("mkdir", name, fs.ErrExist)
	}
	n := newFolder(fs.ModeDir | perm)
	parent.names[base] = n
	parent.renames = append(parent.renames, rename{name: base, node: n})
	m.touch(parent)
	m.touch(n)
	return nil
}

// Chmod changes the permissions told by Stat; Mem does not enforce them.
func (m *Mem) Chmod(name string, perm fs.FileMode) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.find(name)
	if n == nil {
		return failure("chmod", name, fs.ErrNotExist)
	}
	n.perm = n.perm&^fs.ModePerm | perm&fs.ModePerm
	return nil
}

// SyncDir makes the names in a folder survive Crash.
func (m *Mem) SyncDir(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.find(name)
	if n == nil {
		return failure("open", name, fs.ErrNotExist)
	}
	if n.names == nil {
		return failure("sync", name, syscall.ENOTDIR)
	}
	n.kept, n.renames = maps.Clone(n.names), nil
	return nil
}

// MayWrite knows no rights: only whether the folder is there.
func (m *Mem) MayWrite(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.find(name)
	if n == nil {
		return failure("access", name, fs.ErrNotExist)
	}
	return nil
}

// Room returns what SetRoom said. A Mem is never full by itself: Faulty can make it look so.
func (m *Mem) Room(name string) (Room, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.find(name) == nil {
		return Room{}, failure("statfs", name, fs.ErrNotExist)
	}
	return m.room, nil
}

// SetRoom makes Room return room.
func (m *Mem) SetRoom(room Room) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.room = room
}

// Stat describes a file or folder.
func (m *Mem) Stat(name string) (fs.FileInfo, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.find(name)
	if n == nil {
		return nil, failure("stat", name, fs.ErrNotExist)
	}
	return n.info(name), nil
}

// ReadDir lists a folder, sorted by name.
func (m *Mem) ReadDir(name string) ([]fs.DirEntry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.find(name)
	if n == nil {
		return nil, failure("open", name, fs.ErrNotExist)
	}
	if n.names == nil {
		return nil, failure("readdir", name, syscall.ENOTDIR)
	}
	var list []fs.DirEntry
	for _, base := range slices.Sorted(maps.Keys(n.names)) {
		list = append(list, fs.FileInfoToDirEntry(n.names[base].info(base)))
	}
	return list, nil
}

// memInfo describes a node as it was when asked.
type memInfo struct {
	name     string
	size     int64
	perm     fs.FileMode
	modified time.Time
}

func (n *node) info(name string) fs.FileInfo {
	_, base := split(name)
	return memInfo{name: base, size: int64(len(n.data)), perm: n.perm, modified: time.Unix(n.modified, 0)}
}

func (i memInfo) Name() string       { return i.name }
func (i memInfo) Size() int64        { return i.size }
func (i memInfo) Mode() fs.FileMode  { return i.perm }
func (i memInfo) ModTime() time.Time { return i.modified }
func (i memInfo) IsDir() bool        { return i.perm.IsDir() }
func (i memInfo) Sys() any           { return nil }

// write puts bytes at offset, filling a gap with zeros.
func (m *Mem) write(n *node, offset int64, b []byte) {
	n.data = patch(n.data, change{offset: offset, bytes: b})
	n.changes = append(n.changes, change{offset: offset, bytes: slices.Clone(b)})
	m.touch(n)
}

func (m *Mem) truncate(n *node, size int64) {
	n.data = patch(n.data, change{offset: size, cut: true})
	n.changes = append(n.changes, change{offset: size, cut: true})
	m.touch(n)
}

// patch applies a change to data and returns it.
func patch(data []byte, c change) []byte {
	end := c.offset + int64(len(c.bytes))
	if grow := end - int64(len(data)); grow > 0 {
		data = append(data, make([]byte, grow)...)
	}
	if c.cut {
		return data[:c.offset:c.offset]
	}
	copy(data[c.offset:], c.bytes)
	return data
}

// memFile is an open file of a Mem.
type memFile struct {
	fs     *Mem
	node   *node
	name   string
	flags  int
	offset int64 // guarded by fs.mu, as closed is
	closed bool
}

// enter locks the disk for an operation on the open file. Unless it returns an error, the caller
// unlocks.
func (f *memFile) enter(op string, writing bool) error {
	f.fs.mu.Lock()
	var err error
	switch {
	case f.closed:
		err = fs.ErrClosed
	case f.node.names != nil && op != "stat" && op != "close" && op != "sync":
		err = syscall.EISDIR
	case writing && f.flags&(WriteOnly|ReadWrite) == 0, op == "read" && f.flags&WriteOnly != 0:
		err = syscall.EBADF
	}
	if err != nil {
		f.fs.mu.Unlock()
		return failure(op, f.name, err)
	}
	return nil
}

func (f *memFile) Name() string { return f.name }

func (f *memFile) Read(b []byte) (int, error) {
	if err := f.enter("read", false); err != nil {
		return 0, err
	}
	defer f.fs.mu.Unlock()
	if len(b) == 0 {
		return 0, nil
	}
	if f.offset >= int64(len(f.node.data)) {
		return 0, io.EOF
	}
	count := copy(b, f.node.data[f.offset:])
	f.offset += int64(count)
	return count, nil
}

func (f *memFile) ReadAt(b []byte, offset int64) (int, error) {
	if err := f.enter("read", false); err != nil {
		return 0, err
	}
	defer f.fs.mu.Unlock()
	if offset < 0 {
		return 0, failure("read", f.name, syscall.EINVAL)
	}
	count := 0
	if offset < int64(len(f.node.data)) {
		count = copy(b, f.node.data[offset:])
	}
	if count < len(b) {
		return count, io.EOF
	}
	return count, nil
}

func (f *memFile) Write(b []byte) (int, error) {
	if err := f.enter("write", true); err != nil {
		return 0, err
	}
	defer f.fs.mu.Unlock()
	if f.flags&Append != 0 {
		f.offset = int64(len(f.node.data))
	}
	if len(b) > 0 {
		f.fs.write(f.node, f.offset, b)
		f.offset += int64(len(b))
	}
	return len(b), nil
}

func (f *memFile) Truncate(size int64) error {
	if err := f.enter("truncate", true); err != nil {
		return err
	}
	defer f.fs.mu.Unlock()
	if size < 0 {
		return failure("truncate", f.name, syscall.EINVAL)
	}
	f.fs.truncate(f.node, size)
	return nil
}

func (f *memFile) Sync() error {
	if err := f.enter("sync", false); err != nil {
		return err
	}
	defer f.fs.mu.Unlock()
	f.node.synced, f.node.changes = slices.Clone(f.node.data), nil
	return nil
}

func (f *memFile) Stat() (fs.FileInfo, error) {
	if err := f.enter("stat", false); err != nil {
		return nil, err
	}
	defer f.fs.mu.Unlock()
	return f.node.info(f.name), nil
}

func (f *memFile) Close() error {
	if err := f.enter("close", false); err != nil {
		return err
	}
	defer f.fs.mu.Unlock()
	f.closed = true
	if f.node.holder == f {
		f.node.holder = nil
	}
	return nil
}

func (f *memFile) SyncRange(int64, int64, bool) error { return f.hint() }

func (f *memFile) DontNeed(int64, int64) error { return f.hint() }

func (f *memFile) hint() error {
	if err := f.enter("hint", false); err != nil {
		return err
	}
	f.fs.mu.Unlock()
	return nil
}
