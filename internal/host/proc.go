// Numbers out of /proc and /sys, whose files are short texts.

package host

import (
	"bytes"
	"strconv"
	"strings"

	"tarn/internal/vfs"
)

// read returns a file's text, or "" when it cannot be had.
func read(files vfs.FS, name string) string {
	text, err := vfs.ReadFile(files, name)
	if err != nil {
		return ""
	}
	return string(bytes.TrimSpace(text))
}

// readSetting returns a file that holds one number, or Unknown.
func readSetting(files vfs.FS, name string) int {
	n, err := strconv.Atoi(read(files, name))
	if err != nil {
		return Unknown
	}
	return n
}

// wordAfter finds the line that begins with name and returns the word after it, or "". Names end
// in a colon or not, as the file has them.
func wordAfter(text, name string) string {
	for line := range strings.SplitSeq(text, "\n") {
		words := strings.Fields(line)
		if len(words) >= 2 && words[0] == name {
			return words[1]
		}
	}
	return ""
}

// number is 0 for what is not one.
func number(word string) uint64 {
	n, err := strconv.ParseUint(word, 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// kilobytes reads a line "Name:  123 kB", in bytes.
func kilobytes(text, name string) uint64 { return number(wordAfter(text, name)) * 1024 }

// readLinuxMachine fills in what /proc and /sys say.
func readLinuxMachine(files vfs.FS) Machine {
	memory := read(files, "/proc/meminfo")
	m := Machine{
		MemoryBytes: kilobytes(memory, "MemTotal:"),
		SwapBytes:   kilobytes(memory, "SwapTotal:"),
		Overcommit:  readSetting(files, "/proc/sys/vm/overcommit_memory"),
		HugePages:   chosenWord(read(files, "/sys/kernel/mm/transparent_hugepage/enabled")),
		BacklogMax:  readSetting(files, "/proc/sys/net/core/somaxconn"),
	}
	group := findCgroup(files)
	m.CgroupVersion, m.CgroupLimitBytes = group.version, group.limit(files)
	return m
}

// chosenWord picks the bracketed one of "always [madvise] never".
func chosenWord(text string) string {
	_, rest, _ := strings.Cut(text, "[")
	word, _, found := strings.Cut(rest, "]")
	if !found {
		return ""
	}
	return word
}

// readLinuxProcess fills in what /proc says of this process.
func readLinuxProcess(files vfs.FS) Process {
	status := read(files, "/proc/self/status")
	return Process{
		RSSBytes:     kilobytes(status, "VmRSS:"),
		PeakRSSBytes: kilobytes(status, "VmHWM:"),
		SwappedBytes: kilobytes(status, "VmSwap:"),
		MajorFaults:  majorFaults(read(files, "/proc/self/stat")),
	}
}

// majorFaults finds field 12 of /proc/self/stat. Field 2 is the program's name in parentheses and
// may hold anything, also blanks and parentheses.
func majorFaults(stat string) uint64 {
	const field, firstAfterName = 12, 3
	words := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	if len(words) <= field-firstAfterName {
		return 0
	}
	return number(words[field-firstAfterName])
}
