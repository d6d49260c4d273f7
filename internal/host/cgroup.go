// Control groups: the limit that a container or a service manager sets.
//
// /proc/self/cgroup names the process's group, /proc/self/mountinfo where the tree of groups is
// mounted and which part of it. In a container the two may not match: the name is the host's while
// only the container's own part is mounted; then the mount's root is the group. A limit anywhere
// between the group and the root holds, so the least counts. Version 1 writes "no limit" as a number
// near 2^63, version 2 as "max".

package host

import (
	"path"
	"strings"

	"tarn/internal/vfs"
)

// cgroup is the folder of the memory group of this process.
type cgroup struct {
	version int    // 1 or 2; 0 when there is none
	mount   string // where the tree is mounted
	inside  string // the group's path below it, "/" for the root
}

// noLimit is the least number of version 1 that is meant as none; it depends on the page size.
const noLimit = 1 << 62

// findCgroup prefers version 1's memory controller where both versions are mounted, since then
// version 2 has no controllers of its own.
func findCgroup(files vfs.FS) cgroup {
	groups := map[int]string{} // version to path
	for line := range strings.SplitSeq(read(files, "/proc/self/cgroup"), "\n") {
		parts := strings.SplitN(line, ":", 3)
		if len(parts) != 3 {
			continue
		}
		switch {
		case hasWord(parts[1], "memory"):
			groups[1] = parts[2]
		case parts[0] == "0" && parts[1] == "":
			groups[2] = parts[2]
		}
	}
	mounts := read(files, "/proc/self/mountinfo")
	for version := 1; version <= 2; version++ {
		group, ok := groups[version]
		if !ok {
			continue
		}
		if root, point, ok := findMount(mounts, version); ok {
			return cgroup{version: version, mount: point, inside: below(group, root)}
		}
	}
	return cgroup{}
}

// findMount finds the tree of a version among lines of proc_pid_mountinfo(5):
// "id parent major:minor root point options [tags] - type source superoptions".
func findMount(mountinfo string, version int) (root, point string, ok bool) {
	for line := range strings.SplitSeq(mountinfo, "\n") {
		before, after, found := strings.Cut(line, " - ")
		place, kind := strings.Fields(before), strings.Fields(after)
		if !found || len(place) < 5 || len(kind) < 3 {
			continue
		}
		if version == 2 && kind[0] == "cgroup2" || version == 1 && kind[0] == "cgroup" && hasWord(kind[2], "memory") {
			return place[3], place[4], true
		}
	}
	return "", "", false
}

// hasWord looks in a list with commas.
func hasWord(list, word string) bool {
	for w := range strings.SplitSeq(list, ",") {
		if w == word {
			return true
		}
	}
	return false
}

// below is a group's path seen from the mounted root; "/" when it is not below it.
func below(group, root string) string {
	if root == "/" {
		return path.Clean("/" + group)
	}
	rest, ok := strings.CutPrefix(group, root)
	if !ok || rest != "" && rest[0] != '/' {
		return "/"
	}
	return path.Clean("/" + rest)
}

// file names a file of the group; v1 and v2 are its names in either version.
func (c cgroup) file(v1, v2 string) string {
	name := v2
	if c.version == 1 {
		name = v1
	}
	return path.Join(c.mount, c.inside, name)
}

// limit is the least limit from the group up to the mounted root, or 0.
func (c cgroup) limit(files vfs.FS) uint64 {
	if c.version == 0 {
		return 0
	}
	least := uint64(0)
	for {
		bytes := number(read(files, c.file("memory.limit_in_bytes", "memory.max")))
		if bytes > 0 && bytes < noLimit && (least == 0 || bytes < least) {
			least = bytes
		}
		if c.inside == "/" {
			return least
		}
		c.inside = path.Dir(c.inside)
	}
}

// readLinuxCgroup fills in what the group's own files say.
func readLinuxCgroup(files vfs.FS) Cgroup {
	group := findCgroup(files)
	return Cgroup{CgroupUsedBytes: group.used(files), CgroupOOMKills: group.kills(files)}
}

// used is what the group holds, page cache included.
func (c cgroup) used(files vfs.FS) uint64 {
	if c.version == 0 {
		return 0
	}
	return number(read(files, c.file("memory.usage_in_bytes", "memory.current")))
}

// kills counts processes killed for want of memory.
func (c cgroup) kills(files vfs.FS) uint64 {
	if c.version == 0 {
		return 0
	}
	return number(wordAfter(read(files, c.file("memory.oom_control", "memory.events")), "oom_kill"))
}
