// What the kernel says of a process, from /proc: CPU time and memory.
//
// CPU time comes in ticks of 10 ms, so a measurement must last long against that. Memory is RSS,
// but for a process that has forked: there it is PSS summed over parent and children, in which a
// page that both have counts once.

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

const tick = 10 * time.Millisecond // of /proc/PID/stat and /proc/stat, on every Linux

// cpuTime returns user and system time of all threads of a process, ended ones included.
func cpuTime(pid int) (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	return parseCPUTime(string(text))
}

// parseCPUTime reads fields 14 and 15. The second field is a name in parentheses that may hold
// anything, so fields are counted from its end.
func parseCPUTime(stat string) (time.Duration, error) {
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	const utime, stime = 14 - 3, 15 - 3
	if len(fields) <= stime {
		return 0, fmt.Errorf("/proc/PID/stat: too few fields in %q", stat)
	}
	user, err := strconv.ParseInt(fields[utime], 10, 64)
	system, err2 := strconv.ParseInt(fields[stime], 10, 64)
	return time.Duration(user+system) * tick, errors.Join(err, err2)
}

// rss and peakRSS are what a process has of RAM and the most it ever had, in bytes.
func rss(pid int) (float64, error) { return kilobytes(fmt.Sprintf("/proc/%d/status", pid), "VmRSS:") }
func peakRSS(pid int) (float64, error) {
	return kilobytes(fmt.Sprintf("/proc/%d/status", pid), "VmHWM:")
}

// kilobytes finds a line "name: number kB" and returns it in bytes.
func kilobytes(path, name string) (float64, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, name); ok {
			n, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
			return float64(n) * 1024, err
		}
	}
	return 0, fmt.Errorf("%s has no %s", path, name)
}

// treePSS sums PSS over a process and all that descend from it. A child that ends meanwhile counts
// nothing.
func treePSS(pid int) (float64, error) {
	sum, err := kilobytes(fmt.Sprintf("/proc/%d/smaps_rollup", pid), "Pss:")
	if err != nil {
		return 0, err
	}
	lists, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil {
		return 0, err
	}
	for _, list := range lists {
		text, err := os.ReadFile(list)
		if err != nil {
			continue // a thread that has ended
		}
		for _, word := range strings.Fields(string(text)) {
			child, err := strconv.Atoi(word)
			if err != nil {
				return 0, err
			}
			pss, err := treePSS(child)
			switch {
			case err == nil:
				sum += pss
			case !hasEnded(child):
				return 0, err
			}
		}
	}
	return sum, nil
}

// hasEnded tells whether a process is gone, or has no memory any more and waits to be reaped.
func hasEnded(pid int) bool {
	_, err := rss(pid)
	return err != nil
}
